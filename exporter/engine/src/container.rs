//! Which container a cgroup belongs to, as far as its path tells.

/// The id (64 hexadecimal digits) of the container that a cgroup path names, as Docker, containerd, CRI-O and Podman write it:
/// `/docker/ID`, `/kubepods/.../ID`, `/system.slice/docker-ID.scope`, `.../cri-containerd-ID.scope`, `...:cri-containerd:ID`,
/// `libpod-ID.scope`. Of nested ones the outermost counts: its name was given by the host, not from within.
/// The monitor that stays outside (`crio-conmon-ID.scope`) is in no container.
pub fn id_of_cgroup(path: &[u8]) -> Option<&[u8]> {
    path.split(|byte| *byte == b'/').find_map(id_of_component)
}

fn id_of_component(component: &[u8]) -> Option<&[u8]> {
    let name = component.strip_suffix(b".scope").unwrap_or(component);
    let (prefix, id) = name.split_at(name.len().checked_sub(64)?);
    let begins = match prefix.last() {
        None => true,
        Some(b'-' | b':') => !prefix.ends_with(b"conmon-"),
        Some(_) => false,
    };
    (begins && id.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn container_ids_are_found_in_cgroup_paths() {
        let id = "0123456789abcdef".repeat(4);
        for path in [
            format!("/docker/{id}"),
            format!("/system.slice/docker-{id}.scope"),
            format!("/system.slice/docker-{id}.scope/init.scope"),
            format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope"),
            format!("/kubepods.slice/kubepods-pod1.slice/crio-{id}.scope"),
            format!("/kubepods/besteffort/pod1/{id}"),
            format!("/machine.slice/libpod-{id}.scope/container"),
            format!("/libpod_parent/libpod-{id}"),
            format!("/system.slice/containerd.service/kubepods-besteffort-pod1.slice:cri-containerd:{id}"),
        ] {
            assert_eq!(id_of_cgroup(path.as_bytes()), Some(id.as_bytes()), "{path}");
        }
    }

    #[test]
    fn other_cgroups_name_no_container() {
        let id = "0123456789abcdef".repeat(4);
        for path in [
            "/".to_owned(),
            String::new(),
            "/user.slice/user-1000.slice/session-2.scope".to_owned(),
            "/docker".to_owned(),
            format!("/user.slice/x{id}"),
            format!("/docker/{id}ff"),
            format!("/machine.slice/libpod-conmon-{id}.scope"),
            format!("/kubepods.slice/crio-conmon-{id}.scope"),
        ] {
            assert_eq!(id_of_cgroup(path.as_bytes()), None, "{path}");
        }
    }

    #[test]
    fn of_nested_containers_the_outermost_counts() {
        let (outer, inner) = ("0123456789abcdef".repeat(4), "f".repeat(64));
        let path = format!("/docker/{outer}/docker/{inner}");
        assert_eq!(id_of_cgroup(path.as_bytes()), Some(outer.as_bytes()));
    }
}
