"""The readers' side of run folders: lists and queries over many of them. Free of PyTorch."""
