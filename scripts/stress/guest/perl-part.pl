# SPDX-License-Identifier: GPL-2.0-only
# Perl: text, hashes, sorting, regular expressions, digests, files and a child. Prints one line. Arguments: SEED SCALE.
use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use Digest::SHA qw(sha256_hex);
use List::Util qw(sum reduce);

my ($seed, $scale) = @ARGV;
my $state = ($seed * 40503 + 17) % 2147483648;

sub number {
    my ($bound) = @_;
    $state = ($state * 1103515245 + 12345) % 2147483648;
    return int($state / 65536) % $bound;
}

my $sum = 0;
$sum += $_ for 1 .. 50000;
die "the sum is $sum" unless $sum == 1250025000;
my @sieve = (1) x (4000 * $scale);
for my $i (2 .. sqrt @sieve) {
    next unless $sieve[$i];
    for (my $j = $i * $i; $j < @sieve; $j += $i) { $sieve[$j] = 0 }
}
my @primes = grep { $sieve[$_] } 2 .. $#sieve;
my %count;
my @words = map { join '', map { chr(97 + number(26)) } 0 .. 2 + number(8) } 1 .. 2500 * $scale;
$count{ substr $_, 0, 2 }++ for @words;
my $text = join ' ', sort { $count{ substr $b, 0, 2 } <=> $count{ substr $a, 0, 2 } or $a cmp $b } @words;
(my $marked = $text) =~ s/\b(\w)(\w*?)([aeiou])/<$3$2$1>/g;
my $pairs = () = $text =~ /(?=(\w)(\w)\1)/g;
my $file = "/tmp/text.$$";
open my $out, '>', $file or die $!;
print {$out} map { "$_\n" } split / /, $marked;
close $out;
open my $in, '-|', "sort $file | uniq -c | wc -l" or die $!;
my $lines = <$in> + 0;
close $in;
unlink $file;
my $packed = pack 'w*', @primes;
my $unpacked = join ',', unpack 'w*', $packed;
my $product = reduce { ($a * $b) % 1000003 } @primes;
print 'primes ', scalar @primes, ' lines ', $lines, ' pairs ', $pairs, ' digest ',
    substr(sha256_hex(join '|', $text, $marked, $unpacked, $product, md5_hex($packed), sum(@primes)), 0, 32), "\n";
