package yunikorn

import (
	"testing"

	"github.com/caprock/caprock/bench/peers/work"
)

func TestPlacesEveryTaskOnANodeWithRoom(t *testing.T) { work.Test(t, Place) }
