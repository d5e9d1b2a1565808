package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/extras/scheduler/callrules"
	"github.com/mesos/mesos-go/api/v1/lib/extras/scheduler/controller"
	"github.com/mesos/mesos-go/api/v1/lib/extras/scheduler/eventrules"
	"github.com/mesos/mesos-go/api/v1/lib/extras/store"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/httpsched"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/events"
)

const (
	role      = "conformance/volume"
	principal = "keeper"
)

func main() {
	url := flag.String("url", "http://127.0.0.1:5050/api/v1/scheduler", "the scheduler API")
	codec := flag.String("codec", "protobuf", "protobuf or json")
	patience := flag.Duration("patience", time.Minute, "how long the whole story may take")
	flag.Parse()

	ctx, cancel := context.WithTimeout(context.Background(), *patience)
	defer cancel()
	if err := run(ctx, *url, *codec); err != nil {
		log.Fatal(err)
	}
	fmt.Println("the volume kept its file; everything was given back")
}

func run(ctx context.Context, url, codec string) error {
	media := codecs.MediaTypeProtobuf
	if codec == codecs.NameJSON {
		media = codecs.MediaTypeJSON
	}
	id := store.DecorateSingleton(store.NewInMemorySingleton(), store.DoSet().AndThen(func(_ store.Setter, v string, _ error) error {
		log.Println("framework", v)
		return nil
	}))
	caller := callrules.WithFrameworkID(store.GetIgnoreErrors(id)).Caller(
		httpsched.NewCaller(httpcli.New(httpcli.Endpoint(url), httpcli.Codec(codecs.ByMediaType[media]))))

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	story := newStory(caller, cancel)
	err := controller.Run(ctx, framework(), caller,
		controller.WithFrameworkID(store.GetIgnoreErrors(id)),
		controller.WithSubscriptionTerminated(func(err error) {
			if err != nil && !story.ended() {
				story.fail(err)
			}
		}),
		controller.WithEventHandler(eventrules.New(
			controller.LiftErrors(),
			controller.TrackSubscription(id, 0),
			controller.AckStatusUpdates(caller),
		).Handle(events.Handlers{
			scheduler.Event_OFFERS:                  events.HandlerFunc(story.offers),
			scheduler.Event_UPDATE:                  events.HandlerFunc(story.update),
			scheduler.Event_UPDATE_OPERATION_STATUS: events.HandlerFunc(story.operation),
		})))
	switch {
	case story.failure != nil:
		return story.failure
	case story.ended():
		return nil
	default:
		return fmt.Errorf("stopped while waiting for %s: %v", story.waitingFor(), err)
	}
}

func framework() *mesos.FrameworkInfo {
	name := principal
	return &mesos.FrameworkInfo{
		User:      "root",
		Name:      "conformance-volume",
		Principal: &name,
		Roles:     []string{role},
		Capabilities: []mesos.FrameworkInfo_Capability{
			{Type: mesos.FrameworkInfo_Capability_MULTI_ROLE},
			{Type: mesos.FrameworkInfo_Capability_RESERVATION_REFINEMENT},
			{Type: mesos.FrameworkInfo_Capability_PARTITION_AWARE},
		},
	}
}
