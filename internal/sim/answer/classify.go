package answer

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// A keyword is a word that votes for labels.
type keyword struct {
	stem   string
	weight []float64 // by label
}

// A classifier picks a label by keywords: the words of the labels, of their
// descriptions in the prompt, and of the topics that they name. It does not change once
// it is made.
type classifier struct {
	labels   []string
	keywords []keyword
	exact    map[string]int // stem to its place in keywords
}

// The weights of keywords. The words of a label outweigh those of its description, and
// a word that only begins like a keyword counts half.
const (
	nameWeight        = 2.0
	descriptionWeight = 1.0
	topicWeight       = 0.8
	prefixWeight      = 0.5
)

// Classifiers keeps the classifier of each set of labels, since a run asks for the same
// labels in each request. The zero value is ready for use, from any number of
// goroutines.
type Classifiers struct {
	mu sync.RWMutex
	m  map[string]*classifier
}

// classifiersKept bounds the memory for sets of labels that do not come back.
const classifiersKept = 64

// classifier returns the classifier for labels. Their descriptions are lines of the
// sources: "label: description", also as an item of a list or in quotes. rest is the
// text to classify: what stands in the last source after the lines that describe or
// list the labels.
func (cs *Classifiers) classifier(labels []string, sources ...string) (c *classifier, rest string) {
	var descriptions []labelled
	key := strings.Join(labels, "\x00")
	for i, source := range sources {
		rest = source
		for place, line := range linesOf(source) {
			label, description := describes(line, labels)
			switch {
			case label >= 0:
				descriptions = append(descriptions, labelled{label, description})
				key += "\x00\x00" + line
			case !mentionsMost(line, labels):
				continue
			}
			if end := place + len(line); i == len(sources)-1 {
				rest = source[min(end+1, len(source)):]
			}
		}
	}
	if strings.TrimSpace(rest) == "" && len(sources) > 0 {
		rest = sources[len(sources)-1] // the labels stand after the text
	}

	cs.mu.RLock()
	c = cs.m[key]
	cs.mu.RUnlock()
	if c != nil {
		return c, rest
	}
	c = newClassifier(labels, descriptions)
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.m == nil || len(cs.m) >= classifiersKept {
		cs.m = map[string]*classifier{}
	}
	cs.m[key] = c
	return c, rest
}

// A labelled text is what a prompt says about a label.
type labelled struct {
	label int
	text  string
}

func newClassifier(labels []string, descriptions []labelled) *classifier {
	c := &classifier{labels: labels, exact: map[string]int{}}
	for i, l := range labels {
		c.add(i, l, nameWeight)
	}
	for _, d := range descriptions {
		c.add(d.label, d.text, descriptionWeight)
	}
	c.addTopics()
	c.weigh()
	return c
}

// linesOf yields the lines of a text, each with the place where it begins.
func linesOf(s string) func(func(int, string) bool) {
	return func(yield func(int, string) bool) {
		for start := 0; start <= len(s); {
			line := s[start:]
			if end := strings.IndexByte(line, '\n'); end >= 0 {
				line = line[:end]
			}
			if !yield(start, line) {
				return
			}
			start += len(line) + 1
		}
	}
}

// describes returns the label that a line describes, and the description. The label is
// -1 when the line describes none.
func describes(line string, labels []string) (label int, description string) {
	line = strings.TrimLeft(line, " \t-*•·#>0123456789.)(\"'`[")
	found, size := -1, 0
	for i, l := range labels {
		if len(l) > size && len(line) > len(l) && strings.EqualFold(line[:len(l)], l) {
			found, size = i, len(l)
		}
	}
	if found < 0 {
		return -1, ""
	}
	after := strings.TrimLeft(line[size:], "\"'`*]) ")
	for _, mark := range []string{":", "=", "–", "—", "- ", "("} {
		if d, ok := strings.CutPrefix(after, mark); ok && (mark != "(" || line[size] == ' ') {
			return found, d
		}
	}
	return -1, ""
}

// mentionsMost reports whether a line lists the labels. Such a line is an instruction,
// and no text to classify.
func mentionsMost(line string, labels []string) bool {
	if len(labels) < 2 {
		return false
	}
	n := 0
	for _, l := range labels {
		if strings.Contains(line, l) {
			n++
		}
	}
	return n > len(labels)/2 && n > 1
}

// add makes the words of a text keywords of a label.
func (c *classifier) add(label int, text string, weight float64) {
	for w := range words(text) {
		if stopWords[w] {
			continue
		}
		c.addStem(label, stem(w), weight)
	}
}

// addStem makes a stem a keyword of a label, or gives it more weight.
func (c *classifier) addStem(label int, stem string, weight float64) {
	at, ok := c.exact[stem]
	if !ok {
		at = len(c.keywords)
		c.exact[stem] = at
		c.keywords = append(c.keywords, keyword{stem, make([]float64, len(c.labels))})
	}
	k := &c.keywords[at]
	k.weight[label] = max(k.weight[label], weight)
}

// addTopics adds the words of the topics that the words of a label name.
func (c *classifier) addTopics() {
	for i, l := range c.labels {
		for w := range words(l) {
			s := stem(w)
			for _, t := range topics() {
				if !slices.Contains(t.names, s) {
					continue
				}
				for _, related := range t.words {
					c.addStem(i, related, topicWeight)
				}
			}
		}
	}
}

// weigh lowers the weight of words that speak for several labels. It also sorts the
// keywords, for the search by prefix.
func (c *classifier) weigh() {
	slices.SortFunc(c.keywords, func(a, b keyword) int { return cmp.Compare(a.stem, b.stem) })
	for i, k := range c.keywords {
		c.exact[k.stem] = i
		n := 0.0
		for _, w := range k.weight {
			if w > 0 {
				n++
			}
		}
		for l := range k.weight {
			k.weight[l] /= n * n
		}
	}
}

// scores returns the score of each label for a text. A keyword counts at most twice, so
// that no single word decides a long text.
func (c *classifier) scores(text string) []float64 {
	scores := make([]float64, len(c.labels))
	seen := make([]uint8, len(c.keywords))
	vote := func(at int, factor float64) {
		if seen[at]++; seen[at] > 2 {
			return
		}
		for l, w := range c.keywords[at].weight {
			scores[l] += w * factor
		}
	}
	for w := range words(wire.Clip(text, 20000)) {
		if stopWords[w] {
			continue
		}
		s := stem(w)
		if at, ok := c.exact[s]; ok {
			vote(at, 1)
			continue
		}
		if at := c.nearest(s); at >= 0 {
			vote(at, prefixWeight)
		}
	}
	return scores
}

// nearest returns the place of a keyword that is a prefix of s, or that s is a prefix
// of; -1 when there is none. Short stems begin too many words to count.
func (c *classifier) nearest(s string) int {
	const shortest = 4
	if len(s) < shortest {
		return -1
	}
	at, _ := slices.BinarySearchFunc(c.keywords, s, func(k keyword, s string) int { return cmp.Compare(k.stem, s) })
	if at < len(c.keywords) && strings.HasPrefix(c.keywords[at].stem, s) {
		return at
	}
	for i := at - 1; i >= 0 && c.keywords[i].stem[:1] == s[:1]; i-- {
		if k := c.keywords[i].stem; len(k) >= shortest && strings.HasPrefix(s, k) {
			return i
		}
	}
	return -1
}

// pick returns the label with the highest score, and how sure that is, in (0, 1]. The
// hash of the text decides a tie, and a text without any keyword.
func (c *classifier) pick(text string) (label int, confidence float64) {
	scores := c.scores(text)
	top, sum := slices.Max(scores), 0.0
	var best []int
	for i, s := range scores {
		sum += s
		if s == top {
			best = append(best, i)
		}
	}
	label = best[chance.Hash(text)%uint64(len(best))]
	// Half a vote for each label, for what the words do not say.
	return label, (top + 0.5) / (sum + 0.5*float64(len(scores)))
}

// ranked returns the labels with a score above zero, the highest first.
func (c *classifier) ranked(text string) []int {
	scores := c.scores(text)
	var order []int
	for i, s := range scores {
		if s > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	return order
}
