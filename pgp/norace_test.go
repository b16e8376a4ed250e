//go:build !race

package pgp

const raceDetector = false
