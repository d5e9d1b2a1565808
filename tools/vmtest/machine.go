package vmtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// accounts are the users of the machine.
const (
	passwd = "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n"
	group  = "root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n"
)

// programs are taken from the host with the libraries that they need, where busybox has
// them otherwise or not at all.
var programs = map[string]string{
	"/bin/dash": "bin/dash", "/bin/bash": "bin/bash", "/usr/bin/du": "usr/bin/du", "/usr/bin/id": "usr/bin/id", "/usr/bin/ls": "usr/bin/ls",
	"/usr/bin/head": "usr/bin/head", "/usr/bin/tail": "usr/bin/tail", "/usr/bin/dd": "usr/bin/dd", "/usr/bin/stat": "usr/bin/stat",
	"/usr/sbin/losetup": "usr/sbin/losetup",
}

// exitMark precedes the exit status of the test binary on the console.
const exitMark = "VMTEST-EXIT:"

// modules that are loaded before the test runs, if the kernel has them.
var modules = []string{"virtio_pci", "virtio_blk", "overlay", "loop", "veth", "bridge", "xfs", "fuse"}

// initScript is process 1 of the machine. It takes the arguments of the test.
const initScript = `#!/bin/busybox sh
/bin/busybox --install -s /bin
ln -sf dash /bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm /mnt/xfs
mount -t devpts pts /dev/pts; mount -t tmpfs shm /dev/shm; mount -t tmpfs tmp /tmp
mount -t cgroup2 cgroup /sys/fs/cgroup; mount -t bpf bpf /sys/fs/bpf
ip link set lo up
for m in $(ls /modules); do insmod /modules/$m 2>/dev/null; done
mount -t xfs -o prjquota /dev/vda /mnt/xfs && export CAPROCK_TEST_XFS=/mnt/xfs
/bin/test-binary %s
echo "` + exitMark + `$?"
poweroff -f
`

// Missing says what this host lacks to run a machine, nil if nothing.
func Missing() error {
	var faults []error
	for _, program := range []string{"qemu-system-x86_64", "cpio", "gzip", "modprobe", "mkfs.xfs"} {
		_, err := exec.LookPath(program)
		faults = append(faults, err)
	}
	if _, err := kernel(); err != nil {
		faults = append(faults, err)
	}
	if _, err := os.Stat("/bin/busybox"); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// kernel is the newest of Debian's cloud kernels.
func kernel() (string, error) {
	found, _ := filepath.Glob("/boot/vmlinuz-*cloud-amd64")
	if len(found) == 0 {
		return "", errors.New("no /boot/vmlinuz-*cloud-amd64")
	}
	slices.Sort(found)
	return found[len(found)-1], nil
}

// Run runs a static binary with arguments in a machine whose kernel gets parameters
// of its own, "" for none, and returns what the machine printed and the exit status.
func Run(ctx context.Context, parameters, binary string, args ...string) (output string, status int, err error) {
	dir, err := os.MkdirTemp("", "vmtest-")
	if err != nil {
		return "", 0, err
	}
	defer os.RemoveAll(dir)
	image, err := kernel()
	if err != nil {
		return "", 0, err
	}
	initrd, err := makeInitrd(dir, strings.TrimPrefix(filepath.Base(image), "vmlinuz-"), binary, args)
	if err != nil {
		return "", 0, err
	}
	disk, err := makeDisk(dir)
	if err != nil {
		return "", 0, err
	}
	console := filepath.Join(dir, "console")
	// One thread and one CPU: several are neither quicker nor reliable without
	// acceleration.
	c := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg,thread=single", "-cpu", "max", "-m", "1024", "-smp", "1",
		"-display", "none", "-serial", "file:"+console, "-monitor", "none", "-no-reboot", "-nic", "none",
		"-kernel", image, "-initrd", initrd, "-drive", "file="+disk+",if=virtio,format=raw,cache=unsafe",
		"-append", "console=ttyS0 panic=-1 quiet psi=1 "+parameters)
	out, err := c.CombinedOutput()
	text, _ := os.ReadFile(console)
	output = strings.ReplaceAll(string(text), "\r", "")
	if err != nil {
		return output, 0, fmt.Errorf("vmtest: %w: %s", errors.Join(err, ctx.Err()), out)
	}
	_, after, found := strings.Cut(output, exitMark)
	if !found {
		return output, 0, errors.New("vmtest: the machine ended before the test did")
	}
	status, err = strconv.Atoi(strings.Fields(after)[0])
	return output, status, err
}

// makeDisk makes the machine's disk, an XFS; what nobody writes takes no space here.
func makeDisk(dir string) (path string, err error) {
	path = filepath.Join(dir, "disk")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 512<<20)); err != nil {
		return "", err
	}
	if out, err := exec.Command("mkfs.xfs", "-q", path).CombinedOutput(); err != nil {
		return "", fmt.Errorf("vmtest: mkfs.xfs: %w: %s", err, out)
	}
	return path, nil
}

// makeInitrd packs the binary, busybox, the kernel's modules and process 1.
func makeInitrd(dir, version, binary string, args []string) (string, error) {
	root := filepath.Join(dir, "root")
	for _, d := range []string{"bin", "modules", "proc", "sys", "dev", "tmp", "run", "root", "etc", "mnt", "usr/bin", "usr/sbin"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return "", err
		}
	}
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
	}
	script := fmt.Sprintf(initScript, strings.Join(quoted, " "))
	err := errors.Join(copyFile("/bin/busybox", filepath.Join(root, "bin/busybox")), copyFile(binary, filepath.Join(root, "bin/test-binary")),
		os.WriteFile(filepath.Join(root, "etc/passwd"), []byte(passwd), 0o644), os.WriteFile(filepath.Join(root, "etc/group"), []byte(group), 0o644),
		os.WriteFile(filepath.Join(root, "init"), []byte(script), 0o755))
	if err != nil {
		return "", err
	}
	if err := copyPrograms(root); err != nil {
		return "", err
	}
	for i, file := range moduleFiles(version) {
		if err := copyFile(file, filepath.Join(root, "modules", fmt.Sprintf("%02d-%s", i, filepath.Base(file)))); err != nil {
			return "", err
		}
	}
	initrd := filepath.Join(dir, "initrd")
	pack := exec.Command("sh", "-c", "find . | cpio -o -H newc --quiet | gzip -1 >"+initrd)
	pack.Dir = root
	if out, err := pack.CombinedOutput(); err != nil {
		return "", fmt.Errorf("vmtest: pack: %w: %s", err, out)
	}
	return initrd, nil
}

// moduleFiles are those of the modules and what they depend on, in the order to load.
func moduleFiles(version string) []string {
	var files []string
	for _, m := range modules {
		out, _ := exec.Command("modprobe", "-S", version, "--show-depends", m).Output()
		for line := range bytes.Lines(out) {
			if f := strings.Fields(string(line)); len(f) > 1 && f[0] == "insmod" && !slices.Contains(files, f[1]) {
				files = append(files, f[1])
			}
		}
	}
	return files
}

// copyPrograms copies the programs, and their libraries to where those are on the host.
func copyPrograms(root string) error {
	libraries := map[string]bool{}
	for from, to := range programs {
		if err := copyFile(from, filepath.Join(root, to)); err != nil {
			return err
		}
		out, err := exec.Command("ldd", from).Output()
		if err != nil {
			return fmt.Errorf("vmtest: libraries of %s: %w", from, err)
		}
		for _, word := range strings.Fields(string(out)) {
			if filepath.IsAbs(word) {
				libraries[word] = true
			}
		}
	}
	for path := range libraries {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o755); err != nil {
			return err
		}
		if err := copyFile(path, filepath.Join(root, path)); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}
