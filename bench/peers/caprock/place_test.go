package caprock

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/caprock/caprock/bench/peers/work"
)

func TestEnginePlacesEveryTaskOnANodeWithRoom(t *testing.T) { work.Test(t, Engine(AsFit)) }

func TestEnginePlacesSingleTasks(t *testing.T) { work.Test(t, Engine(1)) }

func TestWirePlacesEveryTaskOnANodeWithRoom(t *testing.T) {
	program := filepath.Join(t.TempDir(), "caprock")
	build := exec.Command("go", "build", "-o", program, "./tools/caprock")
	build.Dir = "../../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building caprock: %v\n%s", err, out)
	}
	work.Test(t, Wire(program, t.TempDir(), AsFit))
	work.Test(t, Wire(program, t.TempDir(), 1))
}
