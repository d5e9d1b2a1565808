package quotatest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Env names a directory on an XFS that is mounted with prjquota, where there is one.
const Env = "CAPROCK_TEST_XFS"

// Dir returns an empty directory on an XFS with project quotas, for as long as the test
// runs, or why this host has none.
func Dir(t testing.TB) (string, error) {
	t.Helper()
	if os.Geteuid() != 0 {
		return "", errors.New("needs root")
	}
	if parent := os.Getenv(Env); parent != "" {
		dir, err := os.MkdirTemp(parent, "test-")
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		return dir, err
	}
	dir := t.TempDir()
	image, at := filepath.Join(dir, "image"), filepath.Join(dir, "xfs")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 512<<20), os.Mkdir(at, 0o755)); err != nil {
		return "", err
	}
	for _, c := range [][]string{{"mkfs.xfs", "-q", image}, {"mount", "-o", "loop,prjquota", image, at}} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", c[0], err, out)
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, 0); err != nil {
			t.Error(err)
		}
	})
	return at, nil
}
