//! What is refused, and who is masked.
