//go:build race

package mail

// slowdown is what the race detector costs these tests, about.
const slowdown = 8
