"""Menus of GRUB as its generators write them on Ubuntu's cloud images, Debian, Amazon Linux 2023 and Red Hat."""

from __future__ import annotations

ROOT = "6f2a2a33-0a9e-4a4b-8c66-2a9a5d9b7c11"

HEADER = """
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
@INITRDFAIL@
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="@DEFAULT@"
fi

if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi

export menuentry_id_option

if [ "${prev_saved_entry}" ]; then
  set saved_entry="${prev_saved_entry}"
  save_env saved_entry
  set prev_saved_entry=
  save_env prev_saved_entry
  set boot_once=true
fi

function savedefault {
  if [ -z "${boot_once}" ]; then
    saved_entry="${chosen}"
    save_env saved_entry
  fi
}
function recordfail {
  set recordfail=1
  if [ -n "${have_grubenv}" ]; then if [ -z "${boot_once}" ]; then save_env recordfail; fi; fi
}
function load_video {
  if [ x$feature_all_video_module = xy ]; then
    insmod all_video
  else
    insmod efi_gop
    insmod vbe
  fi
}

if [ x$feature_default_font_path = xy ] ; then
   font=unicode
else
insmod part_gpt
insmod ext2
search --no-floppy --fs-uuid --set=root @ROOT@
    font="/usr/share/grub/unicode.pf2"
fi

if loadfont $font ; then
  set gfxmode=auto
  load_video
  insmod gfxterm
  set locale_dir=$prefix/locale
  set lang=en_US
fi
terminal_output gfxterm
if [ "${recordfail}" = 1 ] ; then
  set timeout=30
else
  if [ x$feature_timeout_style = xy ] ; then
    set timeout_style=hidden
    set timeout=0
  # Older ones have no such style.
  elif sleep --interruptible 0 ; then
    set timeout=0
  fi
fi
function gfxmode {
\tset gfxpayload="${1}"
\tif [ "${1}" = "keep" ]; then
\t\tset vt_handoff=vt.handoff=7
\telse
\t\tset vt_handoff=
\tfi
}
if [ "${recordfail}" != 1 ]; then
  if [ -e ${prefix}/gfxblacklist.txt ]; then
    if [ ${grub_platform} != pc ]; then
      set linux_gfx_mode=keep
    elif hwmatch ${prefix}/gfxblacklist.txt 3; then
      if [ ${match} = 0 ]; then
        set linux_gfx_mode=keep
      else
        set linux_gfx_mode=text
      fi
    fi
  fi
else
  set linux_gfx_mode=text
fi
export linux_gfx_mode
""".replace("@ROOT@", ROOT)

# GRUB_FORCE_PARTUUID of Ubuntu's cloud images: after a boot without initramfs failed, the same with it
INITRDFAIL = """if [ "${initrdfail}" = 2 ]; then
   set initrdfail=
elif [ "${initrdfail}" = 1 ]; then
   set next_entry="${prev_entry}"
   set prev_entry=
   save_env prev_entry
   if [ "${next_entry}" ]; then
      set initrdfail=2
   fi
fi
function initrdfail {
    if [ -n "${have_grubenv}" ]; then if [ -n "${partuuid}" ]; then
      if [ -z "${initrdfail}" ]; then
        set initrdfail=1
        if [ -n "${boot_once}" ]; then
          set prev_entry="${default}"
          save_env prev_entry
        fi
      fi
      save_env initrdfail
    fi; fi
}"""

FOOTER = """
if [ "$grub_platform" = "efi" ]; then
\tmenuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {
\t\tfwsetup
\t}
fi
if [ -f  ${config_directory}/custom.cfg ]; then
  source ${config_directory}/custom.cfg
elif [ -z "${config_directory}" -a -f  $prefix/custom.cfg ]; then
  source $prefix/custom.cfg
fi
"""

_ENTRY = """menuentry '@TITLE@' --class gnu-linux --class gnu --class os $menuentry_id_option '@ID@' {
\trecordfail
\tload_video
\tgfxmode $linux_gfx_mode
\tinsmod gzio
\tif [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
\tinsmod part_gpt
\tinsmod ext2
\tset root='hd0,gpt1'
\tif [ x$feature_platform_search_hint = xy ]; then
\t  search --no-floppy --fs-uuid --set=root --hint-bios=hd0,gpt1  @ROOT@
\telse
\t  search --no-floppy --fs-uuid --set=root @ROOT@
\tfi
@LOAD@
}
""".replace("@ROOT@", ROOT)

_PLAIN = """\techo\t'Loading Linux @RELEASE@ ...'
\tlinux\t/boot/vmlinuz-@RELEASE@ root=UUID=@ROOT@ ro  console=tty1 console=ttyS0 $vt_handoff
\techo\t'Loading initial ramdisk ...'
\tinitrd\t/boot/microcode.cpio /boot/initrd.img-@RELEASE@""".replace("@ROOT@", ROOT)

_INITRDLESS = """\tif [ "${initrdfail}" = 1 ]; then
\t  echo\t'The first attempt failed, once more with initrd.'
\t  linux\t/boot/vmlinuz-@RELEASE@ root=PARTUUID=11111111-02 ro  console=ttyS0 nvme_core.io_timeout=4294967295
\t  initrd\t/boot/microcode.cpio /boot/initrd.img-@RELEASE@
\telse
\t  linux\t/boot/vmlinuz-@RELEASE@ root=PARTUUID=11111111-02 ro  console=ttyS0 nvme_core.io_timeout=4294967295 panic=-1
\tfi
\tinitrdfail"""


def _entry(title: str, name: str, release: str, load: str = _PLAIN) -> str:
    filled = _ENTRY.replace("@LOAD@", load).replace("@TITLE@", title).replace("@ID@", name)
    return filled.replace("@RELEASE@", release)


def _menu(system: str, releases: tuple[str, ...], load: str) -> str:
    inside = "".join(
        _entry(f"{system}, with Linux {release}", f"gnulinux-{release}-advanced-{ROOT}", release, load)
        for release in releases
    )
    first = _entry(system, f"gnulinux-simple-{ROOT}", releases[0], load)
    return f"{first}submenu 'Advanced options for {system}' $menuentry_id_option 'gnulinux-advanced-{ROOT}' {{\n{inside}}}\n"


def debian(*releases: str, default: str = "0") -> str:
    """Debian's and Ubuntu's grub.cfg for these kernels, the first being the newest."""
    header = HEADER.replace("@INITRDFAIL@", "").replace("@DEFAULT@", default)
    return header + _menu("Debian GNU/Linux", releases, _PLAIN) + FOOTER


def ubuntu_cloud(*releases: str, default: str = "0") -> str:
    """That of Ubuntu's cloud images, which try without initramfs first."""
    header = HEADER.replace("@INITRDFAIL@", "set partuuid=11111111-02\n" + INITRDFAIL).replace("@DEFAULT@", default)
    return header + _menu("Ubuntu", releases, _INITRDLESS) + FOOTER


AMAZON_2023 = """
set pager=1

if [ -f ${config_directory}/grubenv ]; then
  load_env -f ${config_directory}/grubenv
elif [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="${saved_entry}"
fi
terminal_output console
if [ -f ${prefix}/user.cfg ]; then
  source ${prefix}/user.cfg
  if [ -n "${GRUB2_PASSWORD}" ]; then
    set superusers="root"
    export superusers
    password_pbkdf2 root ${GRUB2_PASSWORD}
  fi
fi
insmod increment
# Count down where the last boot did not tell that it was good.
if [ -n "${boot_counter}" -a "${boot_success}" = "0" ]; then
  if  [ "${boot_counter}" = "0" -o "${boot_counter}" = "-1" ]; then
    set default=1
    set boot_counter=-1
  else
    decrement boot_counter
  fi
  save_env boot_counter
fi
set tuned_params=""
set tuned_initrd=""
insmod xfs
search --no-floppy --fs-uuid --set=root @ROOT@
if [ -z "${kernelopts}" ]; then
  set kernelopts="root=UUID=@ROOT@ ro console=tty0 console=ttyS0,115200n8 nvme_core.io_timeout=4294967295 quiet"
fi
insmod blscfg
blscfg
if [ "${menu_auto_hide}" -a "${last_boot_ok}" = "1" ]; then
  set timeout=1
fi
""".replace("@ROOT@", ROOT)

MACHINE = "ec2a1b0c3d4e4f5a8b9c0d1e2f3a4b5c"


def loader_entry(release: str, options: str = f"root=UUID={ROOT} ro console=ttyS0,115200n8 $tuned_params") -> str:
    """A file of boot/loader/entries as kernel-install writes it on Amazon Linux 2023."""
    return f"""title Amazon Linux ({release}) 2023
version {release}
linux /boot/vmlinuz-{release}
initrd /boot/initramfs-{release}.img $tuned_initrd
options {options}
grub_users $grub_users
grub_arg --unrestricted
grub_class amzn
"""


def environment(**variables: str) -> str:
    """A grubenv of 1,024 bytes."""
    lines = "".join(f"{name}={value}\n" for name, value in variables.items())
    return f"# GRUB Environment Block\n{lines}".ljust(1024, "#")


MENU_LST = """# menu.lst - See: grub(8), info grub, update-grub(8)
default\t\t0
fallback\t1
timeout\t\t0
hiddenmenu

## ## Start Default Options ##
# kopt=root=LABEL=cloudimg-rootfs ro
# groot=(hd0)
# defoptions=console=hvc0
# howmany=all
## ## End Default Options ##

title\t\tUbuntu 14.04.6 LTS, kernel 3.13.0-170-generic
root\t\t(hd0)
kernel\t\t/boot/vmlinuz-3.13.0-170-generic root=LABEL=cloudimg-rootfs ro console=hvc0
initrd\t\t/boot/initrd.img-3.13.0-170-generic

title\t\tUbuntu 14.04.6 LTS, kernel 3.13.0-170-generic (recovery mode)
root\t\t(hd0)
kernel\t\t/boot/vmlinuz-3.13.0-170-generic root=LABEL=cloudimg-rootfs ro  single
initrd\t\t/boot/initrd.img-3.13.0-170-generic

title\t\tUbuntu 14.04.6 LTS, memtest86+
root\t\t(hd0)
chainloader\t+1
"""
