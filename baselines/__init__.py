"""Methods that RECAP is compared with, one file each."""
