//! What is taken and what it means.
