"""`inwit compare` and `inwit report`: runs side by side, and as a page. A leaf: delete the folder and its commands, and
all else works on."""
