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

// exitMark precedes the exit status of the test binary on the console.
const exitMark = "VMTEST-EXIT:"

// modules that are loaded before the test runs, if the kernel has them.
var modules = []string{"virtio_pci", "virtio_blk", "overlay", "loop", "veth", "bridge", "xfs"}

// initScript is process 1 of the machine. It takes the arguments of the test.
const initScript = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin:/sbin:/usr/sbin HOME=/root TMPDIR=/tmp
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts; mount -t tmpfs shm /dev/shm; mount -t tmpfs tmp /tmp
mount -t cgroup2 cgroup /sys/fs/cgroup; mount -t bpf bpf /sys/fs/bpf
ip link set lo up
for m in $(ls /modules); do insmod /modules/$m 2>/dev/null; done
/bin/test-binary %s
echo "` + exitMark + `$?"
poweroff -f
`

// Missing says what this host lacks to run a machine, nil if nothing.
func Missing() error {
	var faults []error
	for _, program := range []string{"qemu-system-x86_64", "cpio", "gzip", "modprobe"} {
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

// Run runs a static binary with arguments and returns what the machine printed and
// the exit status.
func Run(ctx context.Context, binary string, args ...string) (output string, status int, err error) {
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
	console := filepath.Join(dir, "console")
	// One thread and one CPU: several are neither quicker nor reliable without
	// acceleration.
	c := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg,thread=single", "-cpu", "max", "-m", "1024", "-smp", "1",
		"-display", "none", "-serial", "file:"+console, "-monitor", "none", "-no-reboot", "-nic", "none",
		"-kernel", image, "-initrd", initrd, "-append", "console=ttyS0 panic=-1 quiet")
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

// makeInitrd packs the binary, busybox, the kernel's modules and process 1.
func makeInitrd(dir, version, binary string, args []string) (string, error) {
	root := filepath.Join(dir, "root")
	for _, d := range []string{"bin", "modules", "proc", "sys", "dev", "tmp", "run", "root", "etc", "mnt"} {
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
		os.WriteFile(filepath.Join(root, "init"), []byte(script), 0o755))
	if err != nil {
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

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}
