using VhostSwitch.Control.CommandLine;

namespace VhostSwitch.Control.Tests.CommandLine;

public class DemoCommandLineTests
{
    [Theory]
    [InlineData("", 10, 64, false)]
    [InlineData("--seconds 1 --size 60 --json", 1, 60, true)]
    [InlineData("--seconds=86400 --size=1514", 86400, 1514, false)]
    public void ReadsItsOptions(string line, int seconds, int size, bool json) =>
        Assert.Equal(new DemoOptions(seconds, size, json), DemoCommandLine.Parse(Words(line)));

    [Theory]
    [InlineData("--help")]
    [InlineData("--seconds 1 -h")]
    public void HelpIsNoRun(string line) => Assert.Null(DemoCommandLine.Parse(Words(line)));

    [Theory]
    [InlineData("--seconds 0", "Invalid argument for --seconds: '0' was given, 1 to 86400 seconds are allowed")]
    [InlineData("--seconds 86401", "Invalid argument for --seconds: '86401' was given, 1 to 86400 seconds are allowed")]
    [InlineData("--size 59", "Invalid argument for --size: '59' was given, 60 to 1514 bytes are allowed")]
    [InlineData("--size 1515", "Invalid argument for --size: '1515' was given, 60 to 1514 bytes are allowed")]
    [InlineData("--size x", "Invalid argument for --size: 'x' was given, 60 to 1514 bytes are allowed")]
    [InlineData("--size", "--size needs a value: --size BYTES")]
    [InlineData("--second 1", "--second is no option of demo; the nearest is --seconds")]
    [InlineData("now", "'now' belongs to no option of demo")]
    public void RefusesWhatDoesNotFit(string line, string error) =>
        Assert.Equal(error, Assert.Throws<CommandLineException>(() => DemoCommandLine.Parse(Words(line))).Message);

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
