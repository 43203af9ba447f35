using Spectre.Console;
using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.Show;
using VhostSwitch.Control.Statistics;
using VhostSwitch.Control.Tests.Show;
using VhostSwitch.Control.Unixctl;

namespace VhostSwitch.Control.Tests.Unixctl;

/// <summary>"vhost-switch ctl" against a server with the switch's own commands.</summary>
public sealed class CtlCommandTests : IAsyncDisposable
{
    private const int LimitMs = 20_000;

    private static readonly IReadOnlyList<DeviceStatistics> Devices = [new(0, 9, 7, 5, 5)];

    private readonly TempFolder _folder = new();
    private readonly UnixctlServer _server = new("vhost-switch 1", fault => Assert.Fail(fault.ToString()));
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();
    private int _exits;

    public CtlCommandTests()
    {
        SwitchCommands.Register(_server, () => Task.FromResult(Sample.Snapshot), () => Task.FromResult(Devices), new OvsCommands(new FixedOperations(), _ => { }), () => _exits++);
        _server.Listen(Socket);
    }

    private string Socket => _folder.File("ctl");

    [Theory(Timeout = LimitMs)]
    [InlineData("show --json")]
    [InlineData("show-json")]
    public async Task ShowsTheSwitchAsJson(string words)
    {
        Assert.Equal(ExitCode.Ok, await RunAsync(words));
        Assert.Equal(ShowJson.Write(Sample.Snapshot) + "\n", _output.ToString());
    }

    [Fact(Timeout = LimitMs)]
    public async Task ShowsTheSwitchAsText()
    {
        Assert.Equal(ExitCode.Ok, await RunAsync("show"));
        Assert.Equal(SnapshotView.PlainText(Sample.Snapshot), _output.ToString());
    }

    [Fact(Timeout = LimitMs)]
    public async Task ShowsTheSwitchInTheTerminalsWidth()
    {
        var terminal = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.Yes, Out = new AnsiConsoleOutput(_output) });
        terminal.Profile.Width = 120;
        Assert.Equal(ExitCode.Ok, await RunAsync("show", terminal));
        Assert.Contains("╭", _output.ToString());
        Assert.Contains("waiting for a front-end", _output.ToString());
    }

    [Fact(Timeout = LimitMs)]
    public async Task ShowsStatistics()
    {
        Assert.Equal(ExitCode.Ok, await RunAsync("stats"));
        Assert.Equal(ExitCode.Ok, await RunAsync("stats --json"));
        Assert.Equal(StatisticsScreen.Text(Devices) + ShowJson.Write(Devices) + "\n", _output.ToString());
    }

    [Theory(Timeout = LimitMs)]
    [InlineData("mac-table")]
    [InlineData("fdb/show")]
    public async Task ShowsTheMacTable(string command)
    {
        Assert.Equal(ExitCode.Ok, await RunAsync(command));
        Assert.Equal(ExitCode.Ok, await RunAsync(command + " --json"));
        Assert.Equal(SnapshotView.PlainText(Sample.Snapshot.MacTable) + ShowJson.Write(Sample.Snapshot.MacTable) + "\n", _output.ToString());
    }

    [Fact(Timeout = LimitMs)]
    public async Task StopsTheSwitch()
    {
        Assert.Equal(ExitCode.Ok, await RunAsync("exit"));
        Assert.Equal(1, _exits);
        Assert.Equal("", _output.ToString());
    }

    [Theory(Timeout = LimitMs)]
    [InlineData("show all", "vhost-switch ctl: \"show\" takes --json or nothing, 'all' was given\n")]
    [InlineData("nope", "vhost-switch ctl: \"nope\" is not a valid command (use list-commands to see a list of valid commands)\n")]
    public async Task ARefusedCommandFailsWithTheReason(string words, string error)
    {
        Assert.Equal(ExitCode.Failed, await RunAsync(words));
        Assert.Equal(error, _error.ToString());
    }

    [Fact(Timeout = LimitMs)]
    public async Task FailsWhenNobodyListens()
    {
        await _server.DisposeAsync();
        Assert.Equal(ExitCode.Failed, await RunAsync("show"));
        Assert.Equal($"vhost-switch ctl: there is no control socket {Socket}\n", _error.ToString());
    }

    [Fact(Timeout = LimitMs)]
    public async Task FailsWhenTheAnswerIsNotOfASwitch()
    {
        await using var other = TestServer.Start(new UnixctlCommand("show", "", 0, 1, _ => ValueTask.FromResult("something else")));
        var terminal = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(_output) });
        Assert.Equal(ExitCode.Failed, await CtlCommand.RunAsync(new CtlOptions(other.Path, "rte", 10, "show", []), _output, _error, terminal));
        Assert.StartsWith("vhost-switch ctl: the answer is none of this vhost-switch", _error.ToString());
    }

    [Fact(Timeout = LimitMs)]
    public async Task FailsWhenThereIsNoAnswerInTime()
    {
        await using var other = TestServer.Start(TimeSpan.Zero, new UnixctlCommand("show", "", 0, 1, async _ =>
        {
            await Task.Delay(Timeout.Infinite);
            return "";
        }));
        Assert.Equal(ExitCode.Failed, await CtlCommand.RunAsync(new CtlOptions(other.Path, "rte", 1, "show", []), _output, _error, null));
        Assert.Equal("vhost-switch ctl: no answer within 1 s; --timeout S waits longer\n", _error.ToString());
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    private Task<int> RunAsync(string words, IAnsiConsole? terminal = null)
    {
        var options = CtlCommandLine.Parse(["--socket", Socket, .. words.Split(' ')])!;
        return CtlCommand.RunAsync(options, _output, _error, terminal);
    }
}
