using VhostSwitch.Control.CommandLine;

namespace VhostSwitch.Control.Tests.CommandLine;

public class SubcommandsTests
{
    [Theory]
    [InlineData("demo --json", Subcommand.Demo, "--json")]
    [InlineData("ctl show", Subcommand.Ctl, "show")]
    [InlineData("completion bash", Subcommand.Completion, "bash")]
    [InlineData("help", Subcommand.Help, "")]
    [InlineData("-c f -- -p 1", Subcommand.Run, "-c f -- -p 1")]
    [InlineData("[suggest:3] line", Subcommand.Suggest, "[suggest:3] line")]
    public void TheFirstWordChooses(string line, Subcommand subcommand, string rest)
    {
        var (found, words) = Subcommands.Of(line.Split(' '));
        Assert.Equal(subcommand, found);
        Assert.Equal(rest, string.Join(' ', words));
    }

    [Fact]
    public void NoWordRunsTheSwitch() => Assert.Equal(Subcommand.Run, Subcommands.Of([]).Subcommand);

    [Fact]
    public void NamesTheNearest() =>
        Assert.Equal("'dmo' is no subcommand; the nearest is demo (see vhost-switch --help)",
            Assert.Throws<CommandLineException>(() => Subcommands.Of(["dmo"])).Message);
}
