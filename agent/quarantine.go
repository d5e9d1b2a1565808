package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/caprock/caprock/store/checkpoint"
)

const (
	quarantineDir = "quarantine"
	// maxQuarantined bounds how many damaged states are kept; the oldest goes.
	maxQuarantined = 4
)

// damaged sets a copy of a damaged state aside, before the agent goes on with what
// is whole of it; with Options.Strict it refuses instead.
func (l *loop) damaged(dir string, rec checkpoint.Recovery) error {
	o := &l.agent.opts
	if o.Strict {
		return fmt.Errorf("the agent's state in %s is damaged: newest snapshot lost: %v, records lost: %d; "+
			"start without strict to go on with what is whole", dir, rec.FellBack, rec.Damage.Skipped)
	}
	aside := filepath.Join(filepath.Dir(dir), quarantineDir)
	kept, err := quarantine(dir, aside, o.Clock.Now().UTC().Format("20060102T150405.000000000"))
	if err != nil {
		o.Logger.Error("a copy of the damaged state cannot be kept", "err", err)
	}
	o.Logger.Error("the agent's state was damaged; recovered what was whole", "snapshot_lost", rec.FellBack,
		"records_lost", rec.Damage.Skipped, "copy", kept)
	return nil
}

// quarantine copies the files in dir to a new directory below aside.
func quarantine(dir, aside, name string) (string, error) {
	to := filepath.Join(aside, name)
	if err := os.MkdirAll(to, 0o700); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var errs []error
	for _, e := range entries {
		if e.Type().IsRegular() && !strings.HasSuffix(e.Name(), ".tmp") {
			errs = append(errs, copyFile(filepath.Join(dir, e.Name()), filepath.Join(to, e.Name())))
		}
	}
	old, err := os.ReadDir(aside) // sorted, and so by age
	errs = append(errs, err)
	for i := 0; i < len(old)-maxQuarantined; i++ {
		errs = append(errs, os.RemoveAll(filepath.Join(aside, old[i].Name())))
	}
	return to, errors.Join(errs...)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
