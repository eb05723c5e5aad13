package answer

import (
	"strings"
	"sync"
)

// topicText is a small thesaurus of common topics. The words before the bar name a
// topic, and the words after it speak of it. With it, a label such as "sport" fits a
// text about football without any description.
const topicText = `
positive praise satisfied happy | good great excellent love loved perfect amazing wonderful fantastic best happy pleased nice awesome recommend enjoy delicious friendly comfortable beautiful works thanks impressed brilliant
negative complain complaint unhappy | bad terrible awful worst hate poor broken disappointed disappointing waste useless horrible slow rude refund never faulty defective cheap wrong fail failed annoying return uncomfortable
neutral | okay average fine adequate acceptable neither ordinary expected
spam | free winner prize click offer cash urgent claim lottery viagra congratulations
billing payment invoice | charge charged refund card price subscription bill receipt money fee cost paid
shipping delivery | package parcel arrive arrived late courier tracking ship shipped order address lost
bug technical error defect | crash crashes broken exception stack failure freeze fix install upgrade login password
sport | football soccer basketball tennis game match team league player coach season championship olympic goal win race score cup
politics government | election president minister parliament vote senate party law policy campaign congress democracy treaty diplomat
business economy finance | market stock company profit shares bank trade investor revenue earnings inflation merger dollar industry price
health medicine medical | hospital doctor patient disease drug treatment vaccine cancer virus clinical therapy symptom dna imaging
technology computer | software internet phone chip computer startup robot device app google microsoft apple code digital
travel | hotel flight trip beach tourist airport visit holiday museum
food restaurant | meal dish restaurant taste recipe cook chef menu dinner lunch coffee pizza
game entertainment | play player arcade puzzle chess shoot shooter adventure level tetris card board rpg multiplayer solitaire emulator sudoku quest monster dungeon race racing fight 2d strategy enemy jump maze score joystick console tile ball dice war tank space invader
sound audio music | mp3 midi player song track synthesizer synth mixer alsa pulseaudio pulse ogg flac cd ripper recorder record guitar drum speaker microphone plugin wav codec playlist radio podcast speech voice volume tuner tag pitch tempo piano equalizer album karaoke sample amplifier
image graphic photo picture drawing | png jpeg jpg svg pixel draw paint render rendering camera color colour font icon viewer gallery opengl scanner scan vector bitmap pdf thumbnail 3d animation raster webcam wallpaper diagram tiff gif ocr mesh palette slideshow visualize cad
network net internet | tcp udp ip dns dhcp proxy vpn ssh ftp telnet router routing firewall packet ethernet wifi wireless bluetooth irc chat messenger smtp imap socket traffic bandwidth tunnel peer torrent bittorrent daemon remote monitor monitoring cloud sip voip ping port protocol sync download host ssl kerberos mqtt matrix telegram server client
web browser website internet | http html css javascript url cgi apache nginx php wordpress cms blog wiki rss ajax django webserver site cookie firefox chromium mozilla page webapp
math mathematical algebra statistics | matrix equation theorem prover solver calculus linear polynomial integer prime geometry numeric numerical octave matlab regression probability integral differential graph plot calculator arithmetic symbolic logic eigenvalue optimization optimisation group theory lattice combinatorial sparse fourier spline
science scientific research | biology chemistry physics genome dna rna protein molecular molecule sequence alignment genetic gene astronomy telescope star particle quantum crystal simulation simulator spectrum geographic gis map climate weather neural brain neuron mri microscopy phylogenetic species atom electron circuit verilog machine learning bioinformatics satellite gps laboratory chemical finite element read reads sequencing mass medical robot meteorological linguistic corpus natural language
education school teaching | learn learning teacher student children kid lesson vocabulary typing exercise exam classroom course university quiz alphabet
editor writing | text edit emacs vim syntax highlight ide latex word document markdown mode completion notepad hex spell cursor outline
database storage | sql mysql mariadb postgresql postgres sqlite query table oracle mongodb redis schema index key value backup replication db rdbms odbc
security crime | attack police murder court hacker password encryption vulnerability prison arrested fraud
weather climate | rain storm temperature snow flood forecast hurricane sunny
`

// A topic is what a label can stand for.
type topic struct {
	names []string // stems
	words []string // stems
}

// topics returns the thesaurus with stems for words.
var topics = sync.OnceValue(func() []topic {
	stems := func(s string) []string {
		var out []string
		for w := range words(s) {
			out = append(out, stem(w))
		}
		return out
	}
	var all []topic
	for line := range strings.SplitSeq(strings.TrimSpace(topicText), "\n") {
		names, related, _ := strings.Cut(line, "|")
		all = append(all, topic{stems(names), stems(related)})
	}
	return all
})
