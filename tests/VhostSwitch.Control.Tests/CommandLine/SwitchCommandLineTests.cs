using VhostSwitch.Control.CommandLine;

namespace VhostSwitch.Control.Tests.CommandLine;

public class SwitchCommandLineTests
{
    [Fact]
    public void TakesBothSides()
    {
        var configuration = Line.Configuration("-l 2 --file-prefix x -- --socket-file a --stats 3");
        Assert.Equal([2], configuration.PollCores);
        Assert.Equal("x", configuration.FilePrefix);
        Assert.Equal(["a"], configuration.SocketPaths);
        Assert.Equal(3, configuration.StatisticsPeriodSeconds);
    }

    /// <summary>Processors that the kernel keeps free, by isolcpus= or taskset, are those that people mean to poll on.</summary>
    [Theory]
    [InlineData("-l 2-3", new[] { 2, 3 }, new[] { 0, 1 })]
    [InlineData("-c 0x6", new[] { 1, 2 }, new[] { 0 })]
    [InlineData("", new[] { 1 }, new[] { 0 })]
    public void ProcessorsKeptFreePollWhereTheyAreAskedForAndDoNothingElse(string line, int[] poll, int[] control)
    {
        string[] words = [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--", "--socket-file", "/tmp/s"];
        var run = Assert.IsType<SwitchRequest.Run>(SwitchCommandLine.Parse(words, coresPresent: [0, 1, 2, 3], coresUsual: [0, 1]));
        Assert.Equal(poll, run.Configuration.PollCores);
        Assert.Equal(control, run.Configuration.ControlCores);
        Assert.Empty(run.Notices);
    }

    [Theory]
    [InlineData("")]
    [InlineData("--")]
    [InlineData("-l 0 --")]
    [InlineData("-l 0")]
    [InlineData("-- --stats 1")]
    [InlineData("--stats 1")]
    public void EitherSideMayBeEmpty(string line) => Assert.Single(Line.Configuration(line).SocketPaths);

    [Fact]
    public void WithoutEalOptionsTheSeparatorMayBeLeftOut() =>
        Assert.Equal(["/tmp/a"], Line.Configuration("-p 0x1 --socket-file /tmp/a").SocketPaths);

    [Fact]
    public void WithEalOptionsItMayNot() => Assert.StartsWith("'--' is missing between", Line.Error("-c f -p 0x1"));

    [Theory]
    [InlineData("--stats 1 --", "--stats is an application option: it goes after '--'")]
    [InlineData("--stats=1 --", "--stats is an application option: it goes after '--'")]
    [InlineData("-- -l 1", "-l is an EAL option: it goes before '--'")]
    [InlineData("-- --socket-mem=1", "--socket-mem is an EAL option: it goes before '--'")]
    public void SaysOnWhichSideAnOptionGoes(string line, string error) => Assert.Equal(error, Line.Error(line));

    [Theory]
    [InlineData("--hugedir /x --", "--hugedir is not an EAL option; the nearest is --huge-dir (see vhost-switch --help)")]
    [InlineData("--sokcet-mem 1 --", "--sokcet-mem is not an EAL option; the nearest is --socket-mem (see vhost-switch --help)")]
    [InlineData("-C f --", "-C is not an EAL option; the nearest is -c (see vhost-switch --help)")]
    [InlineData("-q --", "-q is not an EAL option (see vhost-switch --help)")]
    [InlineData("-- --socket-files a", "--socket-files is not an application option; the nearest is --socket-file (see vhost-switch --help)")]
    [InlineData("-- --rx_retry 1", "--rx_retry is not an application option; the nearest is --rx-retry (see vhost-switch --help)")]
    [InlineData("--mergable=1", "--mergable is not an option; the nearest is --mergeable (see vhost-switch --help)")]
    public void NamesTheNearestKnownOption(string line, string error) => Assert.Equal(error, Line.Error(line));

    [Theory]
    [InlineData("-c f stray --")]
    [InlineData("-- --stats 1 stray")]
    [InlineData("--stats 1 stray")]
    public void RefusesWordsThatBelongToNoOption(string line) => Assert.Equal("'stray' belongs to no option", Line.Error(line));

    [Theory]
    [InlineData("--help")]
    [InlineData("-h")]
    [InlineData("-c f -- --help")]
    [InlineData("-c f --help --")]
    [InlineData("-- -h")]
    public void HelpIsGivenOnEitherSide(string line) => Assert.IsType<SwitchRequest.Help>(Line.Parse(line));

    [Theory]
    [InlineData("--version")]
    [InlineData("-c f -- --version")]
    public void TheVersionIsGivenOnEitherSide(string line) => Assert.IsType<SwitchRequest.Version>(Line.Parse(line));

    [Theory]
    [InlineData("-cf -n4 -- -p0x1", new[] { 0, 1, 2, 3 })]
    [InlineData("-l2-3 -- -Pp 0x1", new[] { 2, 3 })]
    public void ValuesMayStickToShortOptions(string line, int[] cores) => Assert.Equal(cores, Line.Configuration(line).PollCores);
}
