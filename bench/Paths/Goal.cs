using System.Globalization;

namespace VhostSwitch.Bench.Paths;

/// <summary>What a goal has come to.</summary>
internal enum Verdict
{
    Reached,
    NotReached,

    /// <summary>Not measured, too few pairs, or the pairs lie on both sides.</summary>
    Inconclusive,
}

/// <summary>Something this switch is to show.</summary>
/// <param name="Row">In the words of the table.</param>
/// <param name="What">The <see cref="Finding"/> that tells.</param>
/// <param name="Command">What measures it.</param>
/// <param name="AtLeast">The value from which it is reached; null where it has an upper end.</param>
/// <param name="AtMost">The value up to which it is reached.</param>
/// <param name="Always">Every sample must be so. Otherwise the middle half of them.</param>
internal sealed record Goal(string Row, string What, string Command, double? AtLeast = null, double? AtMost = null, bool Always = false)
{
    /// <summary>Fewer samples prove nothing.</summary>
    private const int FewestSamples = 3;

    private const string Rounds = "--rounds 5 --output docs/performance";

    /// <summary>All of them, in the order of the table.</summary>
    public static IReadOnlyList<Goal> All { get; } =
    [
        new("64 bytes, split, lean guests, over testpmd io", Pair("lean", 64, "split ring", "testpmd io"), VmToVm(""), AtLeast: 2),
        new("64 bytes, split, lean guests, over Open vSwitch", Pair("lean", 64, "split ring", "Open vSwitch"), VmToVm(""), AtLeast: 3.5),
        new("64 bytes, split, testpmd guests, over testpmd io", Pair("testpmd", 64, "split ring", "testpmd io"), VmToVm(""), AtLeast: 1.3),
        new("64 bytes, split, testpmd guests, over Open vSwitch", Pair("testpmd", 64, "split ring", "Open vSwitch"), VmToVm(""), AtLeast: 2),
        new("64 bytes, packed in order, lean guests, over testpmd io", Pair("lean", 64, "packed ring in order", "testpmd io"),
            VmToVm("--packed --in-order "), AtLeast: 1),
        new("64 bytes, packed in order, testpmd guests, over testpmd io", Pair("testpmd", 64, "packed ring in order", "testpmd io"),
            VmToVm("--packed --in-order "), AtLeast: 1),
        new("512 bytes, lean guests, over testpmd io", Pair("lean", 512, "split ring", "testpmd io"), VmToVm(""), AtLeast: 1.7),
        new("512 bytes, testpmd guests, over testpmd io", Pair("testpmd", 512, "split ring", "testpmd io"), VmToVm(""), AtLeast: 1.7),
        new("1518 bytes, lean guests, over testpmd io", Pair("lean", 1518, "split ring", "testpmd io"), VmToVm(""), AtLeast: 1.7),
        new("1518 bytes, testpmd guests, over testpmd io", Pair("testpmd", 1518, "split ring", "testpmd io"), VmToVm(""), AtLeast: 1.7),
        new("1,000 addresses and 32 ports over one address and three ports",
            "lean guests, 64 bytes, split ring: 1,000 addresses, 32 ports / 1 address, 3 ports", $"./bench.sh scale {Rounds}", AtLeast: 0.9),
        new(Threads.What, Threads.What, $"./bench.sh threads {Rounds}", AtLeast: 1.9),
        new("TCP with TSO: processor time, Open vSwitch over ours", $"switch alone: Open vSwitch / {Ours.UsualName}",
            $"./bench.sh guest-tcp {Rounds}", AtLeast: 1.2),
        new("TCP with TSO: processor time, the kernel's bridge over ours", $"processor time: Linux bridge / {Ours.UsualName}",
            $"./bench.sh guest-tcp {Rounds}", AtLeast: 1),
        new("p99.9 latency at 50 % of testpmd io's closed loop, ours over testpmd io's",
            $"lean guests, 64 bytes, split ring, p99.9 at 50 % load: {Ours.UsualName} / {TestpmdIo.UsualName}",
            $"./bench.sh latency --isolate {Rounds}", AtMost: 1.2),
        new("collections", "collections in a sample", VmToVm(""), AtMost: 0, Always: true),
        new($"suspensions over {Pauses.LimitUs} us for collections, control plane in use", PausesReport.Collecting,
            "./bench.sh pauses --minutes 10 --output docs/performance", AtMost: 0, Always: true),
        new("bytes allocated", "bytes allocated by the poll thread in a sample", VmToVm(""), AtMost: 0, Always: true),
        new("idle switch with 32 ports, percent of a core", "32 ports, percent of a core without frames: vhost-switch",
            $"./bench.sh idle {Rounds}", AtMost: 0.5),
    ];

    /// <summary>Whether a finding reaches it.</summary>
    public Verdict Judge(Finding? finding)
    {
        if (finding?.Spread is not { } spread || spread.Count < FewestSamples) return Verdict.Inconclusive;
        var (low, high) = Always ? (spread.Lowest, spread.Highest) : (spread.LowerQuartile, spread.UpperQuartile);
        if (AtLeast is { } least) return low >= least ? Verdict.Reached : high < least ? Verdict.NotReached : Verdict.Inconclusive;
        if (Always) return high <= AtMost ? Verdict.Reached : Verdict.NotReached;
        return high <= AtMost ? Verdict.Reached : low > AtMost ? Verdict.NotReached : Verdict.Inconclusive;
    }

    /// <summary>The value it asks for, in words.</summary>
    public string Limit => string.Create(CultureInfo.InvariantCulture, $"{(AtLeast is null ? "at most" : "at least")} {AtLeast ?? AtMost}");

    private static string Pair(string guests, int bytes, string ring, string other) =>
        $"{guests} guests, {bytes} bytes, {ring}: {Ours.UsualName} / {other}";

    private static string VmToVm(string more) => $"./bench.sh vm2vm {more}--size 64,512,1518 {Rounds}";
}
