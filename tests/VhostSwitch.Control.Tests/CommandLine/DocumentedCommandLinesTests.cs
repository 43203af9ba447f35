using VhostSwitch.Control.CommandLine;

namespace VhostSwitch.Control.Tests.CommandLine;

/// <summary>
/// Every command line of DPDK's documents for vhost-switch, both editions, on the two cores of a small machine. Where they
/// print a choice ("--vm2vm [0,1,2]") each value is tried, and where the older edition breaks a path ("/ mnt/huge") it is mended.
/// </summary>
public class DocumentedCommandLinesTests
{
    private const string Newer = "-c f -n 4 --socket-mem 1024 --huge-dir /mnt/huge -- ";
    private const string Older = "-c f -n 4 --huge-dir /mnt/huge -- ";

    public static TheoryData<string> Accepted => [.. Lines(
        "-p 0x1 --dev-basename usvhost", "--vm2vm 0", "--vm2vm 1", "--vm2vm 2", "--vlan-strip 0", "--mergeable 0", "--mergeable 1", "--stats 0", "--stats 2", "--rx-retry 0", "--rx-retry 1",
        "--rx-retry 1 --rx-retry-num 5", "--rx-retry 1 --rx-retry-delay 20", "--vlan-strip 1", "--zero-copy 0",
        "-p 0x1 --dev-basename usvhost --dev-index 1")];

    public static TheoryData<string> NotBuilt => [.. Lines(
        "--zero-copy 1", "--zero-copy 1 --rx-desc-num 32", "--zero-copy 1 --tx-desc-num 64")];

    [Theory]
    [MemberData(nameof(Accepted))]
    public void Starts(string line)
    {
        var run = Line.Run(line, 0, 1);
        Assert.Equal([0, 1], run.Configuration.PollCores);
        Assert.Equal("/mnt/huge", run.Configuration.Memory.HugeDirectory);
        Assert.Equal(line.StartsWith(Newer, StringComparison.Ordinal) ? 1024 : 0, run.Configuration.Memory.TotalMiB);
        Assert.Equal([line.Contains("usvhost") ? "usvhost" : "vhost-net"], run.Configuration.SocketPaths);
        Assert.Contains("-c f: cores 2-3 are not present, polling on cores 0-1", run.Notices);
    }

    [Theory]
    [MemberData(nameof(NotBuilt))]
    public void IsRefusedWithASentence(string line) => Assert.Contains("is not built yet: ", Line.Error(line, 0, 1));

    private static IEnumerable<string> Lines(params string[] options) => options.SelectMany(option => (string[])[Newer + option, Older + option]);
}
