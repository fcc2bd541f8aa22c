"""
Meshoptimizer (A. Kapoulkine, MIT licence): collapses edges, and unpacks what it has packed.

Its C++ comes as WebAssembly, from the package that its author publishes for JavaScript, so that
no machine needs a compiler; see ORIGIN.md.
"""
