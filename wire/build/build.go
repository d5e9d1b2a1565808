package build

import (
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/caprock/caprock/wire/mesos"
)

// MesosVersion is the version of Mesos whose behaviour this is.
const MesosVersion = "1.12.0"

// Packagers may set these with -ldflags "-X github.com/caprock/caprock/wire/build.User=…".
var (
	// User is who built the program.
	User = "caprock"
	// Time is when, in RFC 3339; default that of the commit, or of the program's
	// file.
	Time string
	// Commit, Branch and Tag are of the source; default what Go noted of the
	// first, and nothing of the others.
	Commit, Branch, Tag string
)

// Info describes the program. version is its own; "" if it has none to show.
func Info(version string) *mesos.VersionInfo {
	v := &mesos.VersionInfo{}
	mesosVersion, user := MesosVersion, User
	v.Version, v.BuildUser = &mesosVersion, &user
	s := source()
	date, seconds := s.at.Format("2006-01-02 15:04:05 UTC"), float64(s.at.Unix())
	v.BuildDate, v.BuildTime = &date, &seconds
	tag := Tag
	if tag == "" && version != "" {
		tag = "caprock-" + version
	}
	v.GitSha, v.GitBranch, v.GitTag = some(s.commit), some(Branch), some(tag)
	return v
}

// Revision is the commit that the program was built from, with "+changes" behind it if Go saw
// that the sources were not that commit's alone; "" if the build did not know.
func Revision() string {
	s := source()
	if s.changed && Commit == "" {
		return s.commit + "+changes"
	}
	return s.commit
}

// AppendMembers appends Info as members of a JSON object, each with its comma.
func AppendMembers(b []byte, version string) []byte {
	object := Info(version).AppendJSON(nil)
	return append(append(b, object[1:len(object)-1]...), ',')
}

func some(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

type origin struct {
	commit  string
	changed bool // beside what was committed
	at      time.Time
}

// source is what is known of the build, read once.
var source = sync.OnceValue(func() origin {
	o := origin{commit: Commit}
	var written string
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, s := range build.Settings {
			switch s.Key {
			case "vcs.revision":
				if o.commit == "" {
					o.commit = s.Value
				}
			case "vcs.time":
				written = s.Value
			case "vcs.modified":
				o.changed = s.Value == "true"
			}
		}
	}
	for _, text := range []string{Time, written} {
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			o.at = at.UTC()
			return o
		}
	}
	o.at = programTime()
	return o
})

// programTime is when the program's file was written, for builds that do not know
// their commit: clients expect a time.
func programTime() time.Time {
	if name, err := os.Executable(); err == nil {
		if info, err := os.Stat(name); err == nil {
			return info.ModTime().UTC()
		}
	}
	return time.Unix(0, 0).UTC()
}
