package build_test

import (
	"testing"
	"time"

	"github.com/caprock/caprock/wire/build"
)

// Clients read a version that they know, a date and the seconds that it stands for.
func TestAProgramKnowsItsBuild(t *testing.T) {
	v := build.Info("0.1.0")
	if v.GetVersion() != build.MesosVersion || v.GetGitTag() != "caprock-0.1.0" || v.GetBuildUser() == "" {
		t.Errorf("got %v, want Mesos' version, our tag and a user", v)
	}
	at, err := time.Parse("2006-01-02 15:04:05 UTC", v.GetBuildDate())
	if err != nil || float64(at.Unix()) != v.GetBuildTime() || at.Unix() == 0 {
		t.Errorf("got the date %q and the time %v, want the same moment", v.GetBuildDate(), v.GetBuildTime())
	}
	if v := build.Info(""); v.GitTag != nil {
		t.Errorf("got the tag %q of a program without a version, want none", v.GetGitTag())
	}
}
