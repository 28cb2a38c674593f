//! Which container a cgroup belongs to.

/// The id of the container, read from the cgroup's path: the 64 hexadecimal digits that Docker, containerd, CRI-O and Podman name the
/// cgroup by, bare (`/docker/ID`, `/kubepods/burstable/podUID/ID`) or as a scope (`docker-ID.scope`, `cri-containerd-ID.scope`,
/// `crio-ID.scope`, `libpod-ID.scope`). Of nested ones the outermost: its name was given by the host, not from within.
/// The monitor that stays outside (`crio-conmon-ID.scope`) is not in the container.
pub fn container_id(cgroup: &[u8]) -> Option<&[u8]> {
    cgroup.split(|byte| *byte == b'/').find_map(component_id)
}

fn component_id(component: &[u8]) -> Option<&[u8]> {
    let name = component.strip_suffix(b".scope").unwrap_or(component);
    let at = name.len().checked_sub(64)?;
    let (prefix, id) = name.split_at(at);
    let named = prefix.is_empty() || (prefix.ends_with(b"-") && !prefix.ends_with(b"conmon-"));
    (named && id.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::container_id;

    const ID: &str = "3f4a1c0b9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a";

    #[test]
    fn every_runtime_is_recognised() {
        for form in [
            "/docker/ID",
            "/system.slice/docker-ID.scope",
            "/system.slice/docker-ID.scope/init.scope",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-ID.scope",
            "/kubepods/besteffort/pod7f3e/ID",
            "/kubepods.slice/kubepods-pod1.slice/crio-ID.scope",
            "/machine.slice/libpod-ID.scope/container",
            "/libpod_parent/libpod-ID",
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope",
            "/system.slice/nerdctl-ID.scope",
        ] {
            let path = form.replace("ID", ID);
            assert_eq!(container_id(path.as_bytes()), Some(ID.as_bytes()), "{form}");
        }
    }

    #[test]
    fn what_is_no_container_is_none() {
        for form in [
            "/",
            "",
            "/user.slice/user-0.slice/session-5.scope",
            "/system.slice/ssh.service",
            "/machine.slice/libpod-conmon-ID.scope",
            "/kubepods.slice/crio-conmon-ID.scope",
            "/docker/IDff",
            "/system.slice/containerd.service",
        ] {
            let path = form.replace("ID", ID);
            assert_eq!(container_id(path.as_bytes()), None, "{form}");
        }
    }

    #[test]
    fn of_nested_containers_the_outermost_counts() {
        let inner = ID.replace('3', "0");
        let path = format!("/docker/{ID}/docker/{inner}");
        assert_eq!(container_id(path.as_bytes()), Some(ID.as_bytes()));
    }
}
