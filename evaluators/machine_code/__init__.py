"""Functions compiled while the program runs: expressions that emit LLVM IR, their compilation, memory for them."""
