using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.Configuration;
using VhostSwitch.Control.FileConfiguration;
using VhostSwitch.Control.Unixctl;

namespace VhostSwitch.Control.Tests.FileConfiguration;

/// <summary>"vhost-switch ctl" against a server with the commands.</summary>
public sealed class ConfigCommandsTests : IDisposable
{
    private const int LimitMs = 20_000;

    private readonly TempFolder _folder = new();
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    [Fact(Timeout = LimitMs)]
    public async Task WithoutAFileTheySayWhatToDo()
    {
        await using var server = Serve(null);
        Assert.All(ConfigCommands.Names, name => Assert.Contains($"  {name} ", Commands(server)));
        foreach (string name in ConfigCommands.Names)
            Assert.Equal(ExitCode.Failed, await RunAsync(name));
        Assert.All(_error.ToString().TrimEnd().Split('\n'), line => Assert.EndsWith(": start it otherwise", line));
    }

    [Fact(Timeout = LimitMs)]
    public async Task TheyAnswerWhenTheChangeIsDone()
    {
        var session = new ConfigSession(ConfigFile.Open(_folder.File("f.json")), new Willing(), (_, _) => { });
        await session.StartAsync();
        await using var server = Serve(session);
        Assert.Equal(ExitCode.Ok, await RunAsync("add-br br0 -- add-port br0 p0 -- set port p0 tag=3"));
        Assert.Equal(ExitCode.Ok, await RunAsync("--may-exist add-br br0"));
        Assert.Equal(ExitCode.Ok, await RunAsync("reload"));
        Assert.Equal("", _output.ToString() + _error);
        Assert.Equal(ExitCode.Failed, await RunAsync("add-br br0"));
        Assert.Equal("vhost-switch ctl: there is a bridge br0 already: --may-exist takes it as it is\n", _error.ToString());
        Assert.Equal(3, ConfigFile.Open(_folder.File("f.json")).Root.Children[0].Children[0].Columns["tag"].Number);
    }

    public void Dispose() => _folder.Dispose();

    private UnixctlServer Serve(ConfigSession? session)
    {
        var server = new UnixctlServer("test", fault => Assert.Fail(fault.ToString()));
        ConfigCommands.Register(server, session, "start it otherwise");
        server.Listen(_folder.File("ctl"));
        return server;
    }

    private string Commands(UnixctlServer server)
    {
        Assert.Equal(_folder.File("ctl"), server.Path);
        Assert.Equal(ExitCode.Ok, RunAsync("list-commands").GetAwaiter().GetResult());
        string text = _output.ToString().ReplaceLineEndings(" \n");
        _output.GetStringBuilder().Clear();
        return text;
    }

    private Task<int> RunAsync(string words) =>
        CtlCommand.RunAsync(CtlCommandLine.Parse(["--socket", _folder.File("ctl"), .. words.Split(' ')])!, _output, _error, null);

    private sealed class Willing : IConfigurable
    {
        public Task<SwitchReport> ConfigureAsync(WantedSwitch wanted) => ReportAsync();

        public Task<SwitchReport> ReportAsync() =>
            Task.FromResult(new SwitchReport(new Dictionary<string, BridgeReport>(), new Dictionary<string, InterfaceReport>()));
    }
}
