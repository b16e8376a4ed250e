package main

import (
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	t.Parallel()
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i) // unsorted on purpose: 100 to 1
	}
	for p, want := range map[float64]time.Duration{0.5: 50, 0.99: 99, 1: 100, 0: 1} {
		if got := percentile(hundred, p); got != want {
			t.Errorf("p%v is %d, want %d", 100*p, got, want)
		}
	}
	if hundred[0] != 100 {
		t.Error("the values were reordered")
	}
	if got := percentile([]time.Duration{7}, 0.99); got != 7 {
		t.Errorf("of one value: %d", got)
	}
	if got := percentile[time.Duration](nil, 0.5); got != 0 {
		t.Errorf("of none: %d", got)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 100}, 3}} {
		if got := median(tt.values); got != tt.want {
			t.Errorf("median(%v) = %v, want %v", tt.values, got, tt.want)
		}
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		sizeName(4 << 10):                        "4 KB",
		sizeName(1 << 20):                        "1 MB",
		megabytes(3 << 19):                       "1.5 MiB",
		milliseconds(1234 * time.Microsecond):    "1.23 ms",
		microseconds(98700 * time.Nanosecond):    "98.7 us",
		ratio(80, 10):                            "8.00x",
		ratio(800, 0):                            "-",
		ratio(0, 3):                              "-",
		significant(5234.4):                      "5234",
		significant(perSecond(3, time.Second/2)): "6.00",
		significant(perSecond(3, 0)):             "0.00",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestMailsFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		c    cell
		rate float64
		want int
	}{
		{cell{size: 4 << 10, conns: 10, boxes: 1}, 500, 1000},
		{cell{size: 4 << 10, conns: 50, boxes: 1}, 1, 100},               // every connection sends two at least
		{cell{size: 4 << 10, conns: 10, boxes: 1}, 1e9, mostMails},       // bounded in number
		{cell{size: 1 << 20, conns: 10, boxes: 1}, 1e9, mostBytes >> 20}, // and in bytes
		{cell{size: 4 << 10, conns: 1, boxes: 1}, 0, 16},
	} {
		if got := tt.c.mailsFor(tt.rate, 2*time.Second); got != tt.want {
			t.Errorf("%v at %v/s: %d mails, want %d", tt.c, tt.rate, got, tt.want)
		}
	}
}
