//! Which container a cgroup belongs to, as far as its path tells.

/// The id (64 hexadecimal digits) of the container that a cgroup path names, as Docker, containerd, CRI-O and Podman write it:
/// `/docker/ID`, `/kubepods/.../ID`, `/system.slice/docker-ID.scope`, `.../cri-containerd-ID.scope`, `libpod-ID.scope`.
/// The innermost one counts.
pub fn id_of_cgroup(path: &[u8]) -> Option<&[u8]> {
    path.rsplit(|byte| *byte == b'/').find_map(id_of_component)
}

fn id_of_component(component: &[u8]) -> Option<&[u8]> {
    let name = component.strip_suffix(b".scope").unwrap_or(component);
    let id = name.get(name.len().checked_sub(64)?..)?;
    let begins = name.len() == 64 || matches!(name[name.len() - 65], b'-' | b':');
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
            format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope"),
            format!("/kubepods/besteffort/pod1/{id}"),
            format!("/machine.slice/libpod-{id}.scope/container"),
            format!("/system.slice/containerd.service/kubepods-besteffort-pod1.slice:cri-containerd:{id}"),
        ] {
            assert_eq!(id_of_cgroup(path.as_bytes()), Some(id.as_bytes()), "{path}");
        }
    }

    #[test]
    fn other_cgroups_name_no_container() {
        let long = format!("/user.slice/x{}", "0123456789abcdef".repeat(4));
        for path in ["/", "", "/user.slice/user-1000.slice/session-2.scope", "/docker", long.as_str()] {
            assert_eq!(id_of_cgroup(path.as_bytes()), None, "{path}");
        }
    }
}
