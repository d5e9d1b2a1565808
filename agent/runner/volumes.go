package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/launch"
	"github.com/caprock/caprock/wire/mesos"
)

// volumes are those of one container that are paths of the host or of a sandbox.
// They are bound into a mount namespace of the container; the host sees no mount, but for
// what a task mounts itself below a volume with BIDIRECTIONAL propagation. A
// task may have changed what is in its sandbox, so paths there are made through
// os.Root and resolved again, without leaving it, by whoever mounts.
type volumes struct {
	launch core.Launch
	box    *os.Root
	tree   *sandbox.Tree
	// parents as in Options.HostPathParents.
	parents []string
	mounts  []isolation.Mount
}

// bind prepares the volumes of l, whose sandbox is box.
func (r *Runner) bind(l core.Launch, box *os.Root) ([]isolation.Mount, error) {
	v := &volumes{launch: l, box: box, tree: r.opts.Tree, parents: r.opts.HostPathParents}
	for _, one := range l.Container.GetVolumes() {
		if err := v.add(one); err != nil {
			return nil, fmt.Errorf("volume %s: %w", one.GetContainerPath(), err)
		}
	}
	return v.mounts, nil
}

func (v *volumes) add(one *mesos.Volume) error {
	if one.GetSource().GetType() == mesos.Volume_Source_DOCKER_VOLUME {
		return v.addMemory(one)
	}
	switch path, inSandbox := pathOf(one); {
	case path == "":
		return errors.New("got no path of the host or of a sandbox")
	case inSandbox != nil:
		return v.addSandboxPath(one, inSandbox)
	default:
		return v.addHostPath(one, path)
	}
}

// pathOf is the source of a volume: a path of the host, unless inSandbox is set. An
// old framework gives it as host_path, which is one or the other.
func pathOf(one *mesos.Volume) (path string, inSandbox *mesos.Volume_Source_SandboxPath) {
	switch s := one.GetSource(); {
	case s.GetType() == mesos.Volume_Source_HOST_PATH:
		return s.GetHostPath().GetPath(), nil
	case s.GetType() == mesos.Volume_Source_SANDBOX_PATH:
		return s.GetSandboxPath().GetPath(), s.GetSandboxPath()
	case filepath.IsAbs(one.GetHostPath()):
		return one.GetHostPath(), nil
	}
	return one.GetHostPath(), &mesos.Volume_Source_SandboxPath{Type: mesos.Volume_Source_SandboxPath_SELF.Enum(), Path: one.HostPath}
}

func (v *volumes) addHostPath(one *mesos.Volume, path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("host path: got %q, want an absolute one", path)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if made, fault := v.makeHostPath(path); fault != nil {
			return fault
		} else if made {
			info, err = os.Stat(path)
		}
	}
	if err != nil {
		return err
	}
	m := isolation.Mount{Source: path}
	if one.GetSource().GetHostPath().GetMountPropagation().GetMode() == mesos.MountPropagation_BIDIRECTIONAL {
		if m.Shared, err = launch.OnSharedMount(path); err != nil {
			return err
		}
		if !m.Shared {
			return fmt.Errorf("mount propagation: got BIDIRECTIONAL, want %s to be on a mount that is shared", path)
		}
	}
	return v.mount(one, m, info.IsDir())
}

// makeHostPath makes a directory of the host, if it is below one of those that the
// operator has named. Tasks may have such directories as volumes: a link that one has
// left there leads to no other place.
func (v *volumes) makeHostPath(path string) (made bool, err error) {
	for _, parent := range v.parents {
		rel, err := filepath.Rel(parent, filepath.Clean(path))
		if err != nil || !filepath.IsLocal(rel) {
			continue
		}
		if err := os.MkdirAll(parent, 0o755); err != nil {
			return false, err
		}
		root, err := os.OpenRoot(parent)
		if err != nil {
			return false, err
		}
		defer root.Close()
		return true, root.MkdirAll(rel, 0o755)
	}
	return false, nil
}

func (v *volumes) addSandboxPath(one *mesos.Volume, from *mesos.Volume_Source_SandboxPath) error {
	if !filepath.IsLocal(from.GetPath()) {
		return fmt.Errorf("sandbox path: got %q, want one inside the sandbox", from.GetPath())
	}
	absolute := filepath.IsAbs(one.GetContainerPath())
	source, dir := v.box, v.launch.Directory
	switch from.GetType() {
	case mesos.Volume_Source_SandboxPath_SELF:
		if !absolute {
			return errors.New("a SANDBOX_PATH of type SELF needs an absolute container_path; a link would do")
		}
	case mesos.Volume_Source_SandboxPath_PARENT:
		if v.launch.Pod == "" {
			return errors.New("a SANDBOX_PATH of type PARENT is for containers in a pod")
		}
		pod, err := v.tree.OpenRoot(v.launch.Pod)
		if err != nil {
			return err
		}
		defer pod.Close()
		source, dir = pod, v.launch.Pod
	default:
		return fmt.Errorf("sandbox path: got type %s, want SELF or PARENT", from.GetType())
	}
	isDir, err := ensure(source, from.GetPath())
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 && !absolute {
		return v.link(one, from.GetPath())
	}
	base, err := v.base(dir)
	if err != nil {
		return err
	}
	return v.mount(one, isolation.Mount{Source: from.GetPath(), SourceBase: base}, isDir)
}

// ensure makes a directory at path unless something is there already, in the name of
// whoever the sandbox belongs to, and says whether it is a directory.
func ensure(root *os.Root, path string) (dir bool, err error) {
	info, err := root.Stat(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err == nil && info.IsDir(), err
	}
	if err := root.MkdirAll(path, 0o755); err != nil {
		return false, err
	}
	top, err := root.Stat(".")
	if err != nil {
		return false, err
	}
	st := top.Sys().(*syscall.Stat_t)
	return true, root.Lchown(path, int(st.Uid), int(st.Gid))
}

// link stands in for a mount where nothing can be mounted.
func (v *volumes) link(one *mesos.Volume, path string) error {
	target := one.GetContainerPath()
	if err := v.box.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	err := v.box.Symlink(filepath.Join(v.launch.Pod, path), target)
	if errors.Is(err, fs.ErrExist) {
		return nil // from a launch that was interrupted
	}
	return err
}

// mount adds m at the volume's path. One in the sandbox is made for it; one
// elsewhere must exist, as the container shares the host's files.
func (v *volumes) mount(one *mesos.Volume, m isolation.Mount, dir bool) error {
	m.Target = one.GetContainerPath()
	if m.FSType == "" {
		m.Flags |= unix.MS_BIND | unix.MS_REC
	}
	if one.GetMode() == mesos.Volume_RO {
		m.Flags |= unix.MS_RDONLY
	}
	if filepath.IsAbs(m.Target) {
		if _, err := os.Stat(m.Target); err != nil {
			return fmt.Errorf("an absolute container_path must exist: %w", err)
		}
		v.mounts = append(v.mounts, m)
		return nil
	}
	if err := v.makeTarget(m.Target, dir); err != nil {
		return err
	}
	var err error
	if m.Base, err = v.base(v.launch.Directory); err != nil {
		return err
	}
	v.mounts = append(v.mounts, m)
	return nil
}

func (v *volumes) makeTarget(target string, dir bool) error {
	if dir {
		return v.box.MkdirAll(target, 0o755)
	}
	if err := v.box.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	f, err := v.box.OpenFile(target, os.O_RDONLY|os.O_CREATE|unix.O_NONBLOCK, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// base is the path of a sandbox without symbolic links before it: what is in it is
// the task's, what leads to it is ours, but for the sandboxes of pods around it.
func (v *volumes) base(dir string) (string, error) {
	rel, ok := v.tree.Rel(dir)
	if !ok {
		return "", fmt.Errorf("%s is not below %s", dir, v.tree.Dir())
	}
	top, err := filepath.EvalSymlinks(v.tree.Dir())
	return filepath.Join(top, rel), err
}
