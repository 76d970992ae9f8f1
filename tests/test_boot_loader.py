"""What boots next: GRUB's menus of several systems, menu.lst, and how far a script can be followed."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.grub_configurations import (
    AMAZON_2023,
    MACHINE,
    MENU_LST,
    ROOT,
    debian,
    environment,
    loader_entry,
    ubuntu_cloud,
)
from tests.machines import Files, present, problems, recorded
from tests.test_kernels import tree
from virt_collectors.boot_loader import BootEntry, BootLoader, Menu, parse_modules, read_boot_loader
from virt_collectors.collect import choose
from virt_collectors.grub.condition import holds
from virt_collectors.grub.find import parse_environment
from virt_collectors.grub.legacy import parse_menu
from virt_collectors.grub.script import NESTING, Command, Function, If, Loop, parse
from virt_collectors.host.archive import entries
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.source import Source

NEW, OLD = "6.8.0-1069-aws", "6.8.0-1031-aws"
OLD_PATH = f"gnulinux-advanced-{ROOT}>gnulinux-{OLD}-advanced-{ROOT}"
CFG, ENV = "boot/grub/grub.cfg", "boot/grub/grubenv"


def read(files: Files, *expected_problems: str, **answers: object) -> BootLoader:
    source = Source(tree(files, **answers))
    found = read_boot_loader(source)
    assert problems(source) == list(expected_problems)
    return present(found)


def grub(files: Files, *expected_problems: str, **answers: object) -> Menu:
    return present(read(files, *expected_problems, **answers).grub)


def menu(script: str, **files: str) -> Menu:
    """The menu of one grub.cfg; files are those beside it."""
    return grub({CFG: script, **{f"boot/grub/{name.replace('_cfg', '.cfg')}": text for name, text in files.items()}})


def kernel(found: Menu) -> str | None:
    """The default's kernel; None where it is not told, and then there is a reason."""
    assert (found.default is None) == (found.why is not None)
    return found.default.kernel if found.default else None


# Whole menus


def test_debian() -> None:
    found = grub({CFG: debian(NEW, OLD), ENV: environment()})
    assert [(entry.title, entry.kernel) for entry in found.entries] == [
        ("Debian GNU/Linux", f"boot/vmlinuz-{NEW}"),
        (f"Debian GNU/Linux, with Linux {NEW}", f"boot/vmlinuz-{NEW}"),
        (f"Debian GNU/Linux, with Linux {OLD}", f"boot/vmlinuz-{OLD}"),
    ]
    assert found.default == BootEntry(
        title="Debian GNU/Linux",
        kernel=f"boot/vmlinuz-{NEW}",
        initramfs=f"boot/initrd.img-{NEW}",
        parameters=(f"root=UUID={ROOT}", "ro", "console=tty1", "console=ttyS0"),
    )
    assert (found.path, found.why) == (CFG, None)


@pytest.mark.parametrize(
    ("default", "variables", "expected"),
    [
        ("0", {}, NEW),
        ("1>1", {}, OLD),
        ("1", {}, NEW),  # the submenu's first
        ("9", {}, NEW),  # beyond the end
        ("1>9", {}, NEW),
        ("no such title", {}, NEW),
        (OLD_PATH, {}, OLD),
        (f"Advanced options for Debian GNU/Linux>Debian GNU/Linux, with Linux {OLD}", {}, OLD),
        (f"gnulinux-{OLD}-advanced-{ROOT}", {}, NEW),  # is not at the top
        ("0", {"next_entry": OLD_PATH}, OLD),
        ("0", {"next_entry": "1>1"}, OLD),
        ("0", {"saved_entry": "1>1"}, NEW),
        ("${saved_entry}", {"saved_entry": OLD_PATH}, OLD),
        ("${saved_entry}", {"saved_entry": OLD_PATH, "next_entry": "0"}, NEW),
        ("${saved_entry}", {"saved_entry": OLD_PATH, "prev_saved_entry": "0"}, OLD),
        ("${saved_entry}", {}, NEW),
        ("${saved_entry}", {"saved_entry": "a removed kernel"}, NEW),
        ("1>1", {"recordfail": "1"}, OLD),
    ],
)
def test_the_default(default: str, variables: dict[str, str], expected: str) -> None:
    found = grub({CFG: debian(NEW, OLD, default=default), ENV: environment(**variables)})
    assert kernel(found) == f"boot/vmlinuz-{expected}"


def test_without_an_environment_the_default_is_the_same() -> None:
    assert kernel(menu(debian(NEW, OLD, default="1>1"))) == f"boot/vmlinuz-{OLD}"
    assert kernel(menu(debian(NEW, OLD, default="${saved_entry}"))) == f"boot/vmlinuz-{NEW}"


def test_ubuntus_cloud_images_try_without_initramfs() -> None:
    found = grub({CFG: ubuntu_cloud(NEW, OLD), ENV: environment()})
    default = present(found.default)
    assert (default.kernel, default.initramfs) == (f"boot/vmlinuz-{NEW}", f"boot/initrd.img-{NEW}")
    assert default.tries_without_initramfs is True
    assert (default.value("root"), default.value("panic"), default.value("ro")) == ("PARTUUID=11111111-02", "-1", "")
    assert default.value("quiet") is None
    assert default.value("nvme_core.io_timeout") == "4294967295"


def test_and_with_it_after_that_failed() -> None:
    found = grub({CFG: ubuntu_cloud(NEW, OLD), ENV: environment(initrdfail="1", prev_entry="1>1")})
    default = present(found.default)
    assert (default.kernel, default.initramfs) == (f"boot/vmlinuz-{OLD}", f"boot/initrd.img-{OLD}")
    assert default.tries_without_initramfs is True  # initrdfail is 2 then, and the first try is made once more
    again = present(grub({CFG: ubuntu_cloud(NEW), ENV: environment(initrdfail="1")}).default)
    assert (again.tries_without_initramfs, again.value("panic")) == (False, None)


def amazon(*releases: str, **variables: str) -> Files:
    loader = {f"boot/loader/entries/{MACHINE}-{release}.conf": loader_entry(release) for release in releases}
    return {"boot/grub2/grub.cfg": AMAZON_2023, "boot/grub2/grubenv": environment(**variables), **loader}


AMAZON = "6.1.141-165.249.amzn2023.x86_64", "6.1.99-99.173.amzn2023.x86_64", "6.1.141-10.1.amzn2023.x86_64"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, AMAZON[0]),
        ({"saved_entry": f"{MACHINE}-{AMAZON[1]}"}, AMAZON[1]),
        ({"saved_entry": f"Amazon Linux ({AMAZON[2]}) 2023"}, AMAZON[2]),
        ({"saved_entry": "2"}, AMAZON[1]),
        ({"saved_entry": "1"}, AMAZON[2]),
        ({"saved_entry": f"{MACHINE}-gone"}, AMAZON[0]),
        ({"saved_entry": "0", "next_entry": f"{MACHINE}-{AMAZON[1]}"}, AMAZON[1]),
        ({"boot_counter": "0", "boot_success": "0"}, AMAZON[2]),
        ({"boot_counter": "2", "boot_success": "0"}, AMAZON[0]),
    ],
)
def test_amazon_linux(variables: dict[str, str], expected: str) -> None:
    found = grub(amazon(*AMAZON, **variables))
    assert found.path == "boot/grub2/grub.cfg"
    assert [entry.title.split()[2] for entry in found.entries] == [f"({AMAZON[at]})" for at in (0, 2, 1)]
    assert found.default == BootEntry(
        title=f"Amazon Linux ({expected}) 2023",
        kernel=f"boot/vmlinuz-{expected}",
        initramfs=f"boot/initramfs-{expected}.img",
        parameters=(f"root=UUID={ROOT}", "ro", "console=ttyS0,115200n8"),
    )


def test_kernelopts_of_red_hat() -> None:
    files = {**amazon(), "boot/loader/entries/a-4.18-1.conf": loader_entry("4.18-1", "$kernelopts crashkernel=auto")}
    told = present(grub(files).default)
    assert (told.value("nvme_core.io_timeout"), told.value("crashkernel")) == ("4294967295", "auto")
    files["boot/grub2/grubenv"] = environment(kernelopts='root=LABEL=/ ro dyndbg="file a.c +p"')
    assert present(grub(files).default).parameters == ("root=LABEL=/", "ro", "dyndbg=file a.c +p", "crashkernel=auto")


def test_a_machine_id_that_begins_with_a_digit_is_no_number() -> None:
    files = {f"boot/loader/entries/0abc-6.1-{n}.conf": loader_entry(f"6.1-{n}") for n in (1, 2)}
    found = grub({**amazon(saved_entry="0abc-6.1-1"), **files})
    assert kernel(found) == "boot/vmlinuz-6.1-1"


def test_loader_entries_that_cannot_be_read_leave_the_default_open() -> None:
    found = grub(amazon(*AMAZON), errors={"boot/loader/entries": "EACCES"})
    assert kernel(found) is None
    assert found.why == "the script takes its entries from /boot/loader/entries, which needs root"


def test_more_loader_entries_than_anybody_has() -> None:
    found = grub(amazon(*(f"6.1-{number}" for number in range(101))))
    assert found.why == "the script takes its entries from /boot/loader/entries, which holds 101"


def test_a_loader_entry_without_a_kernel() -> None:
    found = grub({**amazon(), "boot/loader/entries/a.conf": "title Windows\nefi /EFI/a.efi\n"})
    assert found.entries == ()
    assert found.why == 'the default entry "Windows" starts no Linux kernel'


# Where the files lie


@pytest.mark.parametrize(
    ("written", "boot", "expected"),
    [
        ("/vmlinuz-6.8", "vmlinuz-6.8", "boot/vmlinuz-6.8"),  # /boot is a file system of its own
        ("/boot/vmlinuz-6.8", "vmlinuz-6.8", "boot/vmlinuz-6.8"),
        ("(hd0,gpt1)/vmlinuz-6.8", "vmlinuz-6.8", "boot/vmlinuz-6.8"),
        ("($root)/vmlinuz-6.8", "vmlinuz-6.8", "boot/vmlinuz-6.8"),
        ("/@/boot/vmlinuz-6.8", "vmlinuz-6.8", "boot/vmlinuz-6.8"),  # a subvolume of btrfs
        ("/boot/vmlinuz-6.8", "vmlinuz-6.9", "boot/vmlinuz-6.8"),
        ("/vmlinuz-6.8", "vmlinuz-6.9", "vmlinuz-6.8"),
        ("/vmlinuz", "vmlinuz-6.8", "vmlinuz"),
    ],
)
def test_paths_are_those_of_the_running_system(written: str, boot: str, expected: str) -> None:
    script = f"search --set=root x\nmenuentry a {{\n linux {written} ro\n}}\n"
    assert kernel(grub({CFG: script, f"boot/{boot}": ""})) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("initrd /boot/initrd.img-1", "boot/initrd.img-1"),
        ("initrd /boot/intel-ucode.img /boot/initramfs-1.img", "boot/initramfs-1.img"),
        ("initrd /early_ucode.cpio /initrd-1 /extra.cpio", "initrd-1"),
        ("initrdefi /ucode.img /rescue.img", "rescue.img"),
        ("initrd16 /initrd-1\ninitrd16 /initrd-2", "initrd-2"),
        ("initrd --nounzip /initrd-1", "initrd-1"),
        ("initrd", None),
        ("", None),
    ],
)
def test_the_initramfs(lines: str, expected: str | None) -> None:
    assert present(menu(f"menuentry a {{\n linux /v\n {lines}\n}}").default).initramfs == expected


def test_xen_starts_linux_as_its_module() -> None:
    script = """menuentry 'Debian GNU/Linux, with Xen hypervisor' {
\tmultiboot2\t/boot/xen-4.17-amd64.gz placeholder dom0_mem=2G ${xen_rm_opts}
\tmodule2\t/boot/vmlinuz-6.1.0-9-amd64 placeholder root=LABEL=a ro quiet
\tmodule2\t--nounzip   /boot/initrd.img-6.1.0-9-amd64
}"""
    assert menu(script).default == BootEntry(
        title="Debian GNU/Linux, with Xen hypervisor",
        kernel="boot/vmlinuz-6.1.0-9-amd64",
        initramfs="boot/initrd.img-6.1.0-9-amd64",
        parameters=("root=LABEL=a", "ro", "quiet"),
        hypervisor="boot/xen-4.17-amd64.gz",
    )


def test_no_menu_at_all() -> None:
    source = Source(tree({"boot/vmlinuz-6.1.0": "x", "etc/initramfs-tools/initramfs.conf": "MODULES=most\n"}))
    assert read_boot_loader(source) is None
    assert problems(source) == []


@pytest.mark.parametrize(("code", "why"), [("EACCES", "needs root"), ("EIO", "input/output error (EIO)")])
def test_a_menu_that_cannot_be_read(code: str, why: str) -> None:
    noted = [f"{CFG} EIO"] if code == "EIO" else []
    assert grub({CFG: ""}, *noted, errors={CFG: code}) == Menu(CFG, why=why)


def test_the_efi_partition_only_where_nothing_else_is() -> None:
    stub = "search.fs_uuid 1234 root hd0,gpt1\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n"
    whole = "menuentry a { linux /vmlinuz }\n"
    efi = "boot/efi/EFI/ubuntu/grub.cfg"
    assert grub({efi: stub, CFG: whole}).path == CFG
    assert grub({efi: whole}).path == efi
    alone = grub({efi: stub})
    assert (alone.path, kernel(alone)) == (efi, None)
    assert alone.why == "the script takes in a file, which is not to be seen from here"


def test_a_menu_that_hands_over_to_another_file() -> None:
    found = menu("configfile ($root)/x\n")
    assert kernel(found) is None
    found = grub({CFG: "configfile /boot/grub2/grub.cfg\n", "boot/grub2/grub.cfg": "menuentry a { linux /v }"})
    assert (found.path, kernel(found)) == (CFG, "v")


def test_a_menu_takes_in_its_neighbour() -> None:
    neighbour = "set default=1\nmenuentry mine {\n linux /boot/vmlinuz-mine\n}\n"
    assert kernel(menu(debian(NEW), custom_cfg=neighbour)) == f"boot/vmlinuz-{NEW}"  # 1 is the submenu
    assert kernel(menu(debian(NEW, default="mine"), custom_cfg="")) == f"boot/vmlinuz-{NEW}"
    assert kernel(menu(debian(NEW), custom_cfg=neighbour.replace("1", "mine"))) == "boot/vmlinuz-mine"
    assert kernel(menu(debian(NEW), custom_cfg=neighbour.replace("1", "3"))) is None  # after the firmware's, perhaps
    certain = "source $prefix/custom.cfg\nset default=mine\n"
    assert kernel(menu(certain, custom_cfg=neighbour)) == "boot/vmlinuz-mine"


def test_the_file_with_the_password_is_not_read() -> None:
    """A snapshot would hold its hash."""
    files = {**amazon(AMAZON[0]), "boot/grub2/user.cfg": "GRUB2_PASSWORD=grub.pbkdf2.sha512.10000.AA.BB\n"}
    host = tree(files)
    _, recording = recorded(host, choose(optional=("boot_loader",)))
    assert b"pbkdf2.sha512" not in b"".join(recording.files.values())
    assert kernel(grub(files)) == f"boot/vmlinuz-{AMAZON[0]}"


def test_a_snapshot_tells_the_same() -> None:
    for files in (
        {CFG: debian(NEW, OLD), ENV: environment(next_entry="1>1")},
        amazon(*AMAZON),
        {"boot/grub/menu.lst": MENU_LST},
    ):
        host = tree(files)
        _, recording = recorded(host, choose(optional=("boot_loader",)))
        made = MemoryTree()
        for path, entry in entries(recording, "1", None).items():
            made.add(path, entry)
        assert read_boot_loader(Source(SnapshotHost(made))) == read(files)


# What cannot be told


def entry(title: str) -> str:
    return f"menuentry {title} {{\n linux /{title}\n}}\n"


PLATFORM = 'if [ "$grub_platform" = "efi" ]; then\n'
CONDITION = "the default entry depends on a condition that only GRUB can evaluate"
BEFORE = "which entries come before the default depends on a condition that only GRUB can evaluate"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("", "the menu is empty"),
        ("# nothing\n", "the menu is empty"),
        (PLATFORM + " set default=1\nfi\n" + entry("a") + entry("b"), CONDITION),
        ("if keystatus --shift; then\n set default=1\nfi\n" + entry("a"), CONDITION),
        ("set default=$chosen\n" + entry("a"), CONDITION),
        ("set default=a$cmdpath\n" + entry("a"), CONDITION),
        ("for x in a b; do\n set default=$x\ndone\n" + entry("a") + entry("b"), CONDITION),
        ("function f {\n set default=$1\n}\nf $grub_cpu\n" + entry("a"), CONDITION),
        ("read default\n" + entry("a"), CONDITION),
        ("regexp --set=1:default a b\n" + entry("a"), CONDITION),
        ("search -s default --label a\n" + entry("a"), CONDITION),
        ("load_env -f (hd0)/grubenv\nset default=$saved_entry\n" + entry("a"), CONDITION),
        (PLATFORM + entry("a") + "fi\n" + entry("b"), BEFORE),
        ("set default=z\n" + entry("b") + PLATFORM + entry("z") + "fi\n", BEFORE),
        ("set default=z\n" + PLATFORM + entry("b") + "fi\n", BEFORE),
        ("set default=1\n" + entry("a") + PLATFORM + entry("b") + "fi\n" + entry("c"), BEFORE),
        ("return\n" + entry("a"), BEFORE),
        ("set default=b\nmenuentry $cmdpath {\n linux /v\n}\n" + entry("b"), BEFORE),
        ("set default=b\nmenuentry a --id $cmdpath {\n linux /v\n}\n" + entry("b"), BEFORE),
        ("menuentry a {\n " + PLATFORM + " linux /v\n else\n linux /w\n fi\n}", 'the default entry "a" may start several kernels: which depends on a condition that only GRUB can evaluate'),
        ("menuentry a {\n chainloader +1\n}\n" + entry("b"), 'the default entry "a" starts no Linux kernel'),
        ("menuentry a {\n linux $kernel\n}\n", 'the default entry "a" starts a kernel whose name only GRUB knows'),
        ("menuentry a {\n linux $cmdpath/v\n}\n", 'the default entry "a" starts a kernel whose name only GRUB knows'),
        ("menuentry a {\n linux ($root)$cmdpath/v\n}\n", 'the default entry "a" starts a kernel whose name only GRUB knows'),
        ("submenu a {\n}\n", "the default entry is an empty submenu"),
        ("set default='2nd kernel'\n" + entry("a") + "menuentry '2nd kernel' {\n linux /v\n}", 'the default entry "2nd kernel" begins with a digit, which some GRUBs take for its number'),
        (entry("a") + "source /boot/grub/../x\n", "the script takes in /boot/grub/../x, which is not to be seen from here"),
        (entry("a") + 'eval "set default=1"\n', "the script runs what stands in no script"),
        (entry("a") + "$cmdpath x\n", "the script runs a command whose name only GRUB knows"),
        (entry("a") + "source $prefix/grub.cfg\n", "the script calls itself"),
        ("function f {\n f\n}\nf\n" + entry("a"), "the script calls itself"),
        (entry("a") + "menuentry b {\n linux /b\n", "the script ends inside a block"),
        (entry("a") + "if true; then\n", "the script ends inside a block"),
        (entry("a") + "echo 'never closed\n", "the script ends inside quotes"),
        (entry("a") + "}\n", 'the script has a "}" where none belongs'),
        (entry("a") + "if true; fi\n", 'the script has a "fi" where none belongs'),
        (entry("a") + "submenu x {" * 11 + "}" * 11, "the script is nested deeper than 10"),
    ],
)  # fmt: skip
def test_what_is_not_told(script: str, why: str) -> None:
    found = menu(script)
    assert found.default is None
    assert found.why == why


@pytest.mark.parametrize(
    "script",
    [
        entry("a") + PLATFORM + entry("b") + "fi\n",
        "set default=x\n" + entry("a") + PLATFORM + entry("b") + "fi\n",
        "set default=7\n" + entry("a") + PLATFORM + entry("b") + "fi\n",
        "set default=a\n" + PLATFORM + entry("b") + "fi\n" + entry("a"),
        "menuentry $cmdpath {\n linux /a\n}\n",
        "set default=a\n" + PLATFORM + " set timeout=3\nfi\n" + entry("a"),
        "set default=a\n" + PLATFORM + " set default=a\nfi\n" + entry("a"),
        PLATFORM + " set default=b\nfi\nset default=a\n" + entry("b") + entry("a"),
        'if [ x = y ]; then\n set default=b\nelif [ -z "$a" ]; then\n set default=a\nelse\n eval\nfi\n' + entry("b") + entry("a"),
        "if ! true; then\n set default=b\nfi\n" + entry("a") + entry("b"),
        "if test -f $prefix/nothing; then\n set default=b\nfi\n" + entry("a") + entry("b"),
        "if [ -f /.snapshots/grub-snapshot.cfg ]; then\n source /.snapshots/grub-snapshot.cfg\nfi\n" + entry("a"),
        "function f {\n set default=$1\n return\n}\nf a\n" + entry("b") + entry("a"),
        "default=a\nexport default\n" + entry("b") + entry("a"),
        'x=a\nset default="${x}"\n' + entry("b") + entry("a"),
        "set default=b\nunset default\n" + entry("a") + entry("b"),
        "set default='x>>y>a'\n" + entry("b") + "submenu 'x>y' {\n" + entry("c") + entry("a") + "}",
        "menuentry --class x a --unrestricted --id=z { \\\n linux /a; initrd /i }\nset default=z\n",
        "menuentry a {\n " + PLATFORM + " linux /a\n else\n linux16 /a\n fi\n}",
        "menuentry a {\n linux /b\n linux /a\n}",
        'increment x\nif [ "$x" = 1 ]; then\n set y=1\nfi\n' + entry("a"),
        "while true; do\n set y=1\ndone\n" + entry("a"),
    ],
)  # fmt: skip
def test_what_is_told_all_the_same(script: str) -> None:
    assert kernel(menu(script)) == "a"


def test_what_is_listed_of_a_menu_that_ends_early() -> None:
    found = menu(debian(NEW, OLD)[:-800])
    assert [entry.kernel for entry in found.entries][:2] == [f"boot/vmlinuz-{NEW}"] * 2
    assert (found.default, found.why) == (None, "the script ends inside a block")


def test_an_environment_that_cannot_be_read_leaves_the_default_open() -> None:
    files = {CFG: debian(NEW, OLD), ENV: environment()}
    found = grub(files, errors={ENV: "EACCES"})
    assert (found.default, found.why) == (None, f"it depends on /{ENV}, which needs root")
    fixed = {**files, CFG: f"load_env\nset default=1\n{entry('a')}{entry('b')}"}
    assert kernel(grub(fixed, errors={ENV: "EACCES"})) == "b"


# Parts of the language


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (environment(saved_entry="a b", next_entry=""), {"saved_entry": "a b", "next_entry": ""}),
        ("# GRUB Environment Block\na=1\n", {"a": "1"}),
        ("# GRUB Environment Block\na=b=c\n####", {"a": "b=c"}),
        ("# GRUB Environment Block\na=b\\\\c\\\nd\nno sign\n", {"a": "b\\c\nd"}),
        ("a=1\n", {}),
        ("", {}),
    ],
)
def test_environment_blocks(text: str, expected: dict[str, str]) -> None:
    assert parse_environment(text) == expected


def has(operator: str, path: str) -> bool | None:
    return None if path == "?" else path == "there"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", False),
        ("a", True),
        ("-z a", False),
        ("-n a", True),
        ("! a", False),
        ("! ! a", True),
        ("!", True),
        ("a = a", True),
        ("a == b", False),
        ("a != b", True),
        ("2 -lt 10", True),
        ("2 -ge 10", False),
        ("2 -eq x", None),
        ("2 -ef 2", None),
        ("-f there", True),
        ("-e gone", False),
        ("-s ?", None),
        ("! -d ?", None),
        ("-x there", None),
        ("None", None),
        ("None = a", None),
        ("a -a None", None),
        ("-z a -a None", False),
        ("a -o None", True),
        ("-z a -o None", None),
        ("-z a -a a -o a", True),
        ("( a )", None),
        ("a b c d", None),
    ],
)
def test_conditions(words: str, expected: bool | None) -> None:
    arguments = [None if word == "None" else word for word in words.split()]
    assert holds(arguments, has) is expected


def test_statements() -> None:
    script = parse(
        "#a\necho \"x $y\" 'z#' a#b # c\nif a; then b; elif c; then d; else e; fi\n"
        "for x in 1 2; do f; done\nfunction g { h; }\nmenuentry i { j }\nk \\\n l"
    )
    assert script.problem is None
    assert [type(statement) for statement in script.statements] == [Command, If, Loop, Function, Command, Command]
    echo, _, _, _, item, last = script.statements
    assert isinstance(echo, Command)
    assert echo.words[1:] == (
        (("quoted", "x "), ("quoted variable", "y")),
        (("quoted", "z#"),),
        (("plain", "a#b"),),
    )
    assert isinstance(item, Command)
    assert item.block == (Command(((("plain", "j"),),)),)
    assert isinstance(last, Command)
    assert len(last.words) == 2


# GRUB legacy


def test_menu_lst_of_a_pv_guest() -> None:
    found = present(read({"boot/grub/menu.lst": MENU_LST, "boot/vmlinuz-3.13.0-170-generic": ""}).menu_lst)
    assert [item.parameters[-1] for item in found.entries] == ["console=hvc0", "single"]
    assert found.default == BootEntry(
        title="Ubuntu 14.04.6 LTS, kernel 3.13.0-170-generic",
        kernel="boot/vmlinuz-3.13.0-170-generic",
        initramfs="boot/initrd.img-3.13.0-170-generic",
        parameters=("root=LABEL=cloudimg-rootfs", "ro", "console=hvc0"),
    )
    assert (found.path, found.why) == ("boot/grub/menu.lst", None)


@pytest.mark.parametrize(
    ("change", "kernel_or_why"),
    [
        (("default\t\t0", "default=1"), "vmlinuz-3.13.0-170-generic"),
        (("default\t\t0", ""), "vmlinuz-3.13.0-170-generic"),
        (("default\t\t0", "default 2"), 'the default entry "Ubuntu 14.04.6 LTS, memtest86+" starts no Linux kernel'),
        (("default\t\t0", "default 3"), "the default entry is number 3 of 3, from 0"),
        (("default\t\t0", "default -1"), "the default entry is number -1 of 3, from 0"),
        (("default\t\t0", "default saved"), 'the default entry is "saved", which the boot loader keeps elsewhere'),
        (("fallback\t1", "configfile /x"), "the menu hands over to /x"),
        (("/boot/vmlinuz-3.13.0-170-generic root=LABEL=cloudimg-rootfs ro con", "(hd0,0)/vmlinuz-3 con"), "vmlinuz-3"),
        (("kernel\t\t/boot", "kernel --type=linux /boot"), "vmlinuz-3.13.0-170-generic"),
    ],
)
def test_the_default_of_menu_lst(change: tuple[str, str], kernel_or_why: str) -> None:
    found = present(read({"boot/grub/menu.lst": MENU_LST.replace(*change, 1)}).menu_lst)
    assert (kernel(found) or found.why) in (kernel_or_why, f"boot/{kernel_or_why}")


def test_menu_lst_of_red_hat_with_xen() -> None:
    text = """default=0
timeout=5
title CentOS (2.6.18-274.el5xen)
\troot (hd0,0)
\tkernel /xen.gz-2.6.18-274.el5 dom0_mem=1G
\tmodule /vmlinuz-2.6.18-274.el5xen ro root=/dev/vg/root
\tmodule /initrd-2.6.18-274.el5xen.img
"""
    found = present(read({"boot/grub/grub.conf": text}).menu_lst)
    default = present(found.default)
    assert (default.kernel, default.initramfs) == ("vmlinuz-2.6.18-274.el5xen", "initrd-2.6.18-274.el5xen.img")
    assert (default.hypervisor, default.value("root")) == ("xen.gz-2.6.18-274.el5", "/dev/vg/root")


def test_where_menu_lst_is_looked_for() -> None:
    one, two = (f"title a\nkernel /{name}\n" for name in ("one", "two"))
    assert kernel(present(read({"boot/grub/menu.lst": one, "grub/menu.lst": two}).menu_lst)) == "one"
    assert kernel(present(read({"grub/menu.lst": two, "boot/grub/grub.conf": one}).menu_lst)) == "two"
    denied = read({"boot/grub/menu.lst": one}, errors={"boot/grub/menu.lst": "EACCES"}).menu_lst
    assert denied == Menu("boot/grub/menu.lst", why="needs root")
    empty = present(read({"boot/grub/menu.lst": ""}).menu_lst)
    assert (empty.default, empty.why) == (None, "the menu is empty")


def test_both_menus_are_told() -> None:
    found = read({"boot/grub/menu.lst": MENU_LST, CFG: debian(NEW)})
    assert kernel(present(found.grub)) != kernel(present(found.menu_lst))


# initramfs-tools


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"initramfs.conf": "# MODULES: [ most | netboot | dep | list ]\nMODULES=most\nBUSYBOX=auto\n"}, "most"),
        ({"initramfs.conf": "MODULES=most\n", "conf.d/driver-policy": "# the installer's\nMODULES=dep\n"}, "dep"),
        ({"initramfs.conf": "MODULES=most\n", "conf.d/a": "MODULES=dep\n", "conf.d/b": "MODULES=list\n"}, "list"),
        ({"initramfs.conf": "MODULES=most\n", "conf.d/a.dpkg-old": "MODULES=dep\n"}, "most"),
        ({"initramfs.conf": "MODULES=most\n", "conf.d/resume": "RESUME=none\n"}, "most"),
        ({"initramfs.conf": "BUSYBOX=auto\n"}, None),
    ],
)
def test_which_modules_an_initramfs_gets(files: dict[str, str], expected: str | None) -> None:
    below = {f"etc/initramfs-tools/{path}": text for path, text in files.items()}
    assert read({CFG: debian(NEW), **below}).initramfs_modules == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("MODULES=most", "most"),
        ('  export MODULES="dep"  # small', "dep"),
        ("MODULES='list'", "list"),
        ("#MODULES=dep", None),
        ("MODULES=", None),
        ("MODULES=$X", None),
        ("MODULES_X=dep", None),
        ("if [ a = b ]", None),
    ],
)
def test_lines_of_shell(line: str, expected: str | None) -> None:
    assert parse_modules(line) == expected


# Any input


SCRAPS = st.sampled_from(
    (
        *("if ", "then ", "elif ", "else ", "fi ", "while ", "do ", "done ", "for x in a ", "function f ", "f ", "{ ", "} "),
        *("menuentry a ", "submenu 'b' ", "linux /v ", "initrd /i ", "multiboot /x ", "module /m ", "blscfg ", "load_env "),
        *("set default=", "0", "1>0", "$x", '"${saved_entry}"', "'", '"', "\\", "\n", ";", "# ", "[ -f /a ] ", "! ", "return "),
        *("source $prefix/custom.cfg ", "configfile /boot/grub/custom.cfg ", "--id ", "--set=x ", "\0", "\u2028", "\xff", "= "),
    )
)  # fmt: skip
SCRIPTS = st.lists(SCRAPS, max_size=60).map("".join)
TEXTS = SCRIPTS.map(str.encode) | st.binary(max_size=200)
PATHS = (CFG, ENV, "boot/grub/custom.cfg", "boot/grub2/grub.cfg", "boot/efi/EFI/a/grub.cfg", "boot/grub/menu.lst")
MORE_PATHS = ("boot/loader/entries/a-1-2.conf", "boot/loader/entries/b.conf", "etc/initramfs-tools/initramfs.conf")


@given(st.dictionaries(st.sampled_from((*PATHS, *MORE_PATHS)), TEXTS))
@example(dict.fromkeys((*PATHS, *MORE_PATHS), b""))
@example(dict.fromkeys((*PATHS, *MORE_PATHS), b"source /boot/grub/custom.cfg\n" * 50))
@example({CFG: b"blscfg\n" * 500, MORE_PATHS[0]: b"linux /a\noptions " + b"$x " * 500})
@example({CFG: b"set a=aaaaaaaa\n" + b"set a=$a$a\n" * 60 + b"menuentry $a { linux $a $a }"})
@example({CFG: b"function f { submenu a { f } }\nf\n"})
@example({CFG: b"! " * 5000})
@example({CFG: b"if [ " + b"! " * 5000 + b"]; then a; fi"})
def test_any_bytes_are_a_menu_or_the_reason_why_not(files: dict[str, bytes]) -> None:
    source = Source(tree(files))
    found = read_boot_loader(source)
    assert source.problems == []
    assert (found is None) == (not set(files) & set(PATHS) - {ENV, "boot/grub/custom.cfg"})
    for told in (found.grub, found.menu_lst) if found else ():
        assert told is None or (told.default is None) == bool(told.why)
        assert told is None or all(item.kernel for item in told.entries)


@given(SCRIPTS)
def test_any_script_is_parsed_to_a_bounded_depth(text: str) -> None:
    def depth(statements: tuple[object, ...]) -> int:
        return 1 + max((depth(tuple(inside(statement))) for statement in statements), default=0)

    def inside(statement: object) -> list[object]:
        if isinstance(statement, If):
            return [*statement.otherwise, *(item for branch in statement.branches for part in branch for item in part)]
        if isinstance(statement, Loop):
            return [*statement.head, *statement.body]
        return list(statement.body if isinstance(statement, Function) else getattr(statement, "block", None) or ())

    assert depth(parse(text).statements) <= NESTING + 1


NAMES = st.text(alphabet="abc >'$\"\\{};#\u00e9", min_size=1, max_size=8)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@given(st.lists(NAMES, min_size=1, max_size=6, unique=True), st.data())
def test_the_default_of_any_menu_is_the_entry_it_names(titles: list[str], data: st.DataObject) -> None:
    """By its number, its title, and its path in a submenu."""
    chosen = data.draw(st.integers(0, len(titles) - 1))
    items = "".join(f"menuentry {quoted(title)} {{\n linux /v{at} a=b\n}}\n" for at, title in enumerate(titles))
    by_title = quoted(titles[chosen].replace(">", ">>"))
    # ">>>" may be read in two ways, and what a title ends with cannot be told from what the path goes on with
    clear = ">>" not in titles[chosen]
    for default in (f"{chosen}", by_title) if clear else (f"{chosen}",):
        assert kernel(menu(f"set default={default}\n{items}")) == f"v{chosen}"
        nested = f"set default=1'>'{default}\nmenuentry first {{\n linux /w\n}}\nsubmenu other {{\n{items}}}\n"
        if not titles[chosen].startswith(">") or default != by_title:
            assert kernel(menu(nested)) == f"v{chosen}"
    assert [item.title for item in menu(items).entries] == titles


@given(st.text(alphabet="title kernelmoduinrdfaugxs=()/\t\n#-0129", max_size=300))
def test_any_text_is_a_menu_lst(text: str) -> None:
    found = parse_menu("menu.lst", text, str)
    assert len(found.entries) <= text.count("title")
    assert (found.default is None) == bool(found.why)
