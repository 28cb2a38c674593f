//! Sets of paths that are compared by component: `/etc` covers `/etc` and `/etc/passwd`, never `/etcetera`.

use std::mem;

/// Values at absolute paths, found by every path at or below.
#[derive(Debug, Clone)]
pub struct PathMap<T> {
    nodes: Vec<Node<T>>,
}

#[derive(Debug, Clone)]
struct Node<T> {
    /// Sorted by name.
    children: Vec<(Box<[u8]>, u32)>,
    values: Vec<T>,
}

impl<T> Default for PathMap<T> {
    fn default() -> Self {
        PathMap {
            nodes: vec![Node::new()],
        }
    }
}

impl<T> Node<T> {
    fn new() -> Self {
        Node {
            children: Vec::new(),
            values: Vec::new(),
        }
    }

    fn child(&self, name: &[u8]) -> Result<u32, usize> {
        let found = self.children.binary_search_by(|(child, _)| (**child).cmp(name));
        found.map(|index| self.children[index].1)
    }
}

impl<T> PathMap<T> {
    /// Whether nothing was inserted.
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 1 && self.nodes[0].values.is_empty()
    }

    /// Puts `value` at an absolute path.
    pub fn insert(&mut self, path: &[u8], value: T) {
        let mut at = 0;
        for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            at = match self.nodes[at].child(name) {
                Ok(child) => child as usize,
                Err(place) => {
                    let new = self.nodes.len();
                    self.nodes.push(Node::new());
                    self.nodes[at].children.insert(place, (name.into(), new as u32));
                    new
                }
            };
        }
        self.nodes[at].values.push(value);
    }

    /// Shows the values at `path` and at every directory above it, from the root down, each with what is left of the path below that
    /// value's, until `visit` says true, which is the answer. A path that is not absolute is below nothing.
    pub fn visit(&self, path: &[u8], mut visit: impl FnMut(&T, &[u8]) -> bool) -> bool {
        if path.first() != Some(&b'/') {
            return false;
        }
        let mut node = &self.nodes[0];
        let mut rest = trim(path);
        loop {
            if node.values.iter().any(|value| visit(value, rest)) {
                return true;
            }
            if rest.is_empty() || node.children.is_empty() {
                return false;
            }
            let end = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
            let (name, below) = rest.split_at(end);
            rest = trim(below);
            match node.child(name) {
                Ok(child) => node = &self.nodes[child as usize],
                Err(_) => return false,
            }
        }
    }

    /// Whether something is at `path` or above it.
    pub fn covers(&self, path: &[u8]) -> bool {
        self.visit(path, |_, _| true)
    }
}

fn trim(mut path: &[u8]) -> &[u8] {
    while let [b'/', rest @ ..] = path {
        path = rest;
    }
    path
}

/// Checks a path of the configuration: it must be absolute and normalised, or nothing would ever match it.
///
/// # Errors
/// What is wrong with it, and what to write.
pub fn check(path: &str) -> Result<(), (String, String)> {
    if path.is_empty() {
        return Err((
            "the path is empty".into(),
            "write an absolute path, such as /etc".into(),
        ));
    }
    if path.contains('\0') {
        return Err((
            "the path contains a NUL byte".into(),
            "no path of the kernel does; remove it".into(),
        ));
    }
    if !path.starts_with('/') {
        return Err((
            format!("{path:?} is not an absolute path"),
            format!("begin it with a slash: {:?}", normalised(path)),
        ));
    }
    let normalised = normalised(path);
    if normalised != path {
        return Err((
            format!("{path:?} is not normalised, so it would never match"),
            format!("write {normalised:?}"),
        ));
    }
    if path.len() > 4095 {
        return Err((
            format!("the path has {} bytes", path.len()),
            "the kernel's paths have at most 4095".into(),
        ));
    }
    Ok(())
}

fn normalised(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => mem::drop(names.pop()),
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(map: &PathMap<&'static str>, path: &str) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        map.visit(path.as_bytes(), |value, rest| {
            found.push((*value, String::from_utf8_lossy(rest).into_owned()));
            false
        });
        found
    }

    #[test]
    fn paths_are_compared_by_component() {
        let mut map = PathMap::default();
        map.insert(b"/etc", "etc");
        map.insert(b"/etc/ssh", "ssh");
        map.insert(b"/usr/bin/dpkg", "dpkg");
        let at = |path| found(&map, path);
        assert_eq!(at("/etc"), [("etc", String::new())]);
        assert_eq!(at("/etc/passwd"), [("etc", "passwd".into())]);
        assert_eq!(
            at("/etc/ssh/keys/a"),
            [("etc", "ssh/keys/a".into()), ("ssh", "keys/a".into())]
        );
        for path in [
            "/etcetera",
            "/et",
            "/",
            "",
            "etc/passwd",
            "/usr/bin/dpkg-deb",
            "/usr/bin",
            "/USR/bin/dpkg",
        ] {
            assert!(!map.covers(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn the_root_covers_every_absolute_path() {
        let mut map = PathMap::default();
        assert!(map.is_empty());
        map.insert(b"/", "root");
        assert!(!map.is_empty());
        assert!(map.covers(b"/") && map.covers(b"/a/b"));
        assert!(!map.covers(b"memfd:x"));
    }

    #[test]
    fn a_path_of_the_configuration_must_be_what_the_kernel_would_say() {
        assert_eq!(check("/etc"), Ok(()));
        assert_eq!(check("/"), Ok(()));
        for (path, write) in [
            ("/etc/", "\"/etc\""),
            ("/a//b", "\"/a/b\""),
            ("/a/../b", "\"/b\""),
            ("etc", "\"/etc\""),
            ("/./a", "\"/a\""),
        ] {
            let (_, help) = check(path).unwrap_err();
            assert!(help.contains(write), "{path}: {help}");
        }
        assert!(check("").is_err() && check("/a\0b").is_err());
    }
}
