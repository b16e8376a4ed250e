package main

import (
	"testing"
	"time"
)

func TestUntilNextLook(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		missing, arrived int
		span, want       time.Duration
	}{
		{100, 0, time.Second, 20 * time.Millisecond},
		{10, 10, 60 * time.Millisecond, 30 * time.Millisecond},
		{1, 1000, 50 * time.Millisecond, 2 * time.Millisecond},
		{1000, 1, 50 * time.Millisecond, 100 * time.Millisecond},
	} {
		if got := untilNextLook(tt.missing, tt.arrived, tt.span); got != tt.want {
			t.Errorf("%d missing, %d in %v: look again in %v, want %v", tt.missing, tt.arrived, tt.span, got, tt.want)
		}
	}
}
