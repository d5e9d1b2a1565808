package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/seccomp"
	"github.com/caprock/caprock/wire/mesos"
)

// DefaultProfile is the name of the seccomp profile that comes with the agent. A file of
// that name in the directory of profiles takes its place.
const DefaultProfile = "default"

// profiles are the seccomp profiles of an agent: its own, and the files of a directory,
// which are looked at for each launch and read when they have changed.
type profiles struct {
	dir     string
	log     *slog.Logger
	builtin []unix.SockFilter
	// standard is what containers get that name none; nil for builtin.
	standard *seccomp.Profile

	mu   sync.Mutex
	read map[string]*readProfile // guarded by mu
}

// readProfile is a file as it was read.
type readProfile struct {
	profile *seccomp.Profile
	size    int64
	changed time.Time
}

// maxProfiles bounds how many are kept.
const maxProfiles = 64

// openProfiles reads the profile that the agent's options name.
func openProfiles(r *Rights, log *slog.Logger) (*profiles, error) {
	p := &profiles{dir: r.ProfileDir, log: log, builtin: isolation.DefaultSeccomp(), read: map[string]*readProfile{}}
	if p.dir != "" {
		if info, err := os.Stat(p.dir); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("seccomp_config_dir: got %q, want a directory with profiles", p.dir)
		}
	}
	if r.Unconfined {
		return p, nil
	}
	name := r.Profile
	if name == "" {
		name = DefaultProfile
	}
	var err error
	if p.standard, err = p.named(name); err != nil {
		return nil, fmt.Errorf("seccomp_profile_name: %w", err)
	}
	return p, nil
}

// filter of a process whose container says info. A process that may gain new privileges
// has none, whatever it asks for: the kernel forbids the two together.
func (p *profiles) filter(r *Rights, info *mesos.SeccompInfo, bounding uint64) ([]unix.SockFilter, error) {
	profile, confined := p.standard, !r.Unconfined
	switch {
	case info == nil || r.NewPrivs:
	case info.GetUnconfined() && info.ProfileName != nil:
		return nil, errors.New("seccomp: got profile_name and unconfined, want one of them")
	case info.GetUnconfined():
		confined = false
	case info.ProfileName == nil:
		return nil, errors.New("seccomp: got neither profile_name nor unconfined")
	default:
		var err error
		if profile, err = p.named(info.GetProfileName()); err != nil {
			return nil, err
		}
		confined = true
	}
	switch {
	case !confined:
		return nil, nil
	case profile == nil:
		return p.builtin, nil
	}
	return profile.Filter(bounding), nil
}

// named returns the profile of that name, nil for the one that comes with the agent.
func (p *profiles) named(name string) (*seccomp.Profile, error) {
	if p.dir == "" {
		if name == DefaultProfile {
			return nil, nil
		}
		return nil, fmt.Errorf("seccomp: no profile is called %q, want %q: the agent has no seccomp_config_dir", name, DefaultProfile)
	}
	if strings.ContainsRune(name, 0) || !filepath.IsLocal(name) {
		return nil, fmt.Errorf("seccomp: got profile_name %q, want the name of a file in the agent's seccomp_config_dir", name)
	}
	file := filepath.Join(p.dir, name)
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && name == DefaultProfile:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("seccomp: no profile is called %q: %w", name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if had := p.read[name]; had != nil && had.size == info.Size() && had.changed.Equal(info.ModTime()) {
		return had.profile, nil
	}
	profile, err := seccomp.Load(file)
	if err != nil {
		return nil, err
	}
	if len(profile.Unknown) > 0 {
		p.log.Warn("seccomp profile names calls that this machine does not have", "file", file, "calls", len(profile.Unknown), "first", profile.Unknown[0])
	}
	if len(p.read) >= maxProfiles {
		clear(p.read)
	}
	p.read[name] = &readProfile{profile: profile, size: info.Size(), changed: info.ModTime()}
	return profile, nil
}
