package nomad

import (
	"testing"

	"github.com/caprock/caprock/bench/peers/work"
)

func TestServiceSchedulerPlacesEveryTaskOnANodeWithRoom(t *testing.T) { work.Test(t, Service) }

func TestBatchSchedulerPlacesEveryTaskOnANodeWithRoom(t *testing.T) { work.Test(t, Batch) }
