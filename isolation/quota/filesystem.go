package quota

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// FS is a file system that keeps project quotas.
type FS struct {
	path string
	dir  *os.File
}

// Open opens the file system that the directory at path is on. The error says what it
// lacks: it must be XFS, mounted with project quotas (prjquota), and enforce them if
// that is asked for, which is switched on if it was only counting (pqnoenforce).
func Open(path string, enforce bool) (*FS, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("quota: %w", err)
	}
	f := &FS{path: path, dir: dir}
	if err := f.check(enforce); err != nil {
		dir.Close()
		return nil, fmt.Errorf("quota: %s: %w", path, err)
	}
	return f, nil
}

// Close lets go of the file system; quotas stay.
func (f *FS) Close() error { return f.dir.Close() }

// Path is what Open was given.
func (f *FS) Path() string { return f.path }

func (f *FS) check(enforce bool) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.dir.Fd()), &st); err != nil {
		return err
	}
	if st.Type != unix.XFS_SUPER_MAGIC {
		return errors.New("this is no XFS file system")
	}
	flags, err := f.state()
	switch {
	case errors.Is(err, unix.ENOSYS):
		return errors.New("this kernel has no quotas for XFS (CONFIG_XFS_QUOTA), or is older than Linux 5.14")
	case err != nil:
		return fmt.Errorf("ask for the state of quotas: %w", err)
	case flags&accounted == 0:
		return errors.New("project quotas are off; mount it with the option prjquota")
	case !enforce || flags&enforced != 0:
		return nil
	}
	on := uint32(enforced)
	if err := f.call(cmdOn, 0, unsafe.Pointer(&on)); err != nil {
		return fmt.Errorf("project quotas are counted and not enforced, and enforcing them cannot be switched on (mount it with prjquota instead of pqnoenforce): %w", err)
	}
	return nil
}

// Quota is what is known of a project.
type Quota struct {
	ID uint32
	// UsedBytes is the space that its files take; Files counts them.
	UsedBytes int64
	Files     uint64
	// SoftBytes and HardBytes are its limits, 0 for none.
	SoftBytes, HardBytes int64
}

// Idle says that the project has neither files nor limits.
func (q Quota) Idle() bool {
	return q.UsedBytes == 0 && q.Files == 0 && q.SoftBytes == 0 && q.HardBytes == 0
}

// Read returns the quota of a project; a project that never had a file has an idle one.
func (f *FS) Read(id uint32) (Quota, error) {
	q, err := f.get(cmdGet, id)
	if errors.Is(err, unix.ENOENT) {
		return Quota{ID: id}, nil
	}
	return q, f.wrap("read", id, err)
}

// Next returns the quota of the first project with an id from id on that the file
// system knows of; false if there is none.
func (f *FS) Next(id uint32) (Quota, bool, error) {
	q, err := f.get(cmdGetNext, id)
	if errors.Is(err, unix.ENOENT) {
		return q, false, nil
	}
	return q, err == nil, f.wrap("read", id, err)
}

// SetLimits bounds a project, in bytes that are rounded up to blocks of 512; 0 is no
// bound. Who is above soft only shows; nobody gets above hard, writes fail with
// EDQUOT (or with ENOSPC, as for any project quota of XFS).
func (f *FS) SetLimits(id uint32, soft, hard int64) error {
	d := diskQuota{version: quotaVersion, flags: projectQuota, fields: fieldSoft | fieldHard, id: id,
		soft: blocks(soft), hard: blocks(hard)}
	return f.wrap("set limits", id, f.call(cmdSet, id, unsafe.Pointer(&d)))
}

func (f *FS) wrap(what string, id uint32, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("quota: %s: %s of project %d: %w", f.path, what, id, err)
}

func (f *FS) get(cmd uintptr, id uint32) (Quota, error) {
	d := diskQuota{version: quotaVersion, flags: projectQuota, id: id}
	if err := f.call(cmd, id, unsafe.Pointer(&d)); err != nil {
		return Quota{}, err
	}
	return Quota{ID: d.id, UsedBytes: int64(d.used) * blockSize, Files: d.files,
		SoftBytes: int64(d.soft) * blockSize, HardBytes: int64(d.hard) * blockSize}, nil
}

// state tells what of project quotas is on.
func (f *FS) state() (uint16, error) {
	s := quotaState{version: stateVersion}
	err := f.call(cmdState, 0, unsafe.Pointer(&s))
	return s.flags, err
}

func (f *FS) call(cmd uintptr, id uint32, arg unsafe.Pointer) error {
	_, _, errno := unix.Syscall6(unix.SYS_QUOTACTL_FD, f.dir.Fd(), cmd<<8|projectType, uintptr(id), uintptr(arg), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// blockSize is the unit of XFS' quotas, whatever its blocks are.
const blockSize = 512

func blocks(bytes int64) uint64 { return (uint64(bytes) + blockSize - 1) / blockSize }
