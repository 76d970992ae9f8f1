"""GRUB: the menu that its scripts make (`find`), and the menu.lst of GRUB legacy and PV-GRUB (`legacy`)."""
