using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.Configuration;
using VhostSwitch.Control.FileConfiguration;

namespace VhostSwitch.Control.Tests.FileConfiguration;

/// <summary>A file, commands, and a switch that cannot make ports whose names begin with "bad".</summary>
public sealed class ConfigSessionTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Switch _switch = new();
    private readonly List<string> _lines = [];

    private string Path => _folder.File("switch.json");

    private string[] Ports => [.. _switch.Now.Bridges.SelectMany(bridge => bridge.Ports).Select(port => port.Name)];

    [Fact]
    public async Task WhatIsChangedIsThereAfterTheNextStart()
    {
        var session = await StartAsync();
        Assert.Equal([$"config: {Path}: not there yet, so there are no bridges; 'vhost-switch ctl add-br' makes the first, and the file"], _lines);
        Assert.Equal("", await ChangeAsync(session, "add-br br0"));
        Assert.Equal("", await ChangeAsync(session, "add-port br0 p0 tag=5"));
        Assert.Equal(["p0"], Ports);
        await StartAsync();
        Assert.Equal(["p0"], Ports);
        Assert.Equal(5, _switch.Now.Bridges[0].Ports[0].Tag);
    }

    [Theory]
    [InlineData("add-port br0 bad", "bad is bad")]
    [InlineData("add-port br0 p1 -- add-port br0 bad -- set port p0 tag=7", "bad is bad")]
    [InlineData("add-br bad", "bad: bad is bad")]
    [InlineData("add-mirror br0 m output_port=p0 -- del-port p0", "mirror m: output_port names p0, and bridge br0 has no port of that name")]
    public async Task WhatCannotBeMadeIsNotKept(string command, string error)
    {
        var session = await StartAsync();
        await ChangeAsync(session, "add-br br0 -- add-port br0 p0");
        string before = await File.ReadAllTextAsync(Path);
        Assert.Equal(error, await RefusalAsync(session, command));
        Assert.Equal(["p0"], Ports);
        Assert.Null(_switch.Now.Bridges[0].Ports[0].Tag);
        Assert.Equal(before, await File.ReadAllTextAsync(Path));
        Assert.Equal([Path], Directory.GetFileSystemEntries(_folder.Path));
        Assert.Equal("", await ChangeAsync(session, "add-port br0 p1"));
    }

    [Fact]
    public async Task AFileThatCannotBeWrittenChangesNothing()
    {
        var session = await StartAsync();
        await ChangeAsync(session, "add-br br0");
        // Where the new file would be is a folder with something in it.
        Directory.CreateDirectory($"{Path}.new/x");
        Assert.StartsWith($"the configuration cannot be kept, so nothing is changed: {Path}: ", await RefusalAsync(session, "add-port br0 p0"));
        Assert.Empty(Ports);
        Directory.Delete($"{Path}.new", recursive: true);
        Assert.Equal("", await ChangeAsync(session, "add-port br0 p0"));
    }

    [Fact]
    public async Task WhatOthersWroteIsNotOverwritten()
    {
        var session = await StartAsync();
        await ChangeAsync(session, "add-br br0");
        await File.WriteAllTextAsync(Path, Files.Plain);
        Assert.EndsWith("'vhost-switch ctl reload' takes it over first", await RefusalAsync(session, "add-port br0 p7"));
        Assert.Equal(Files.Plain, await File.ReadAllTextAsync(Path));
        Assert.Empty(Ports);
        Assert.Equal("", await session.ReloadAsync());
        Assert.Equal(["p0", "p1"], Ports);
        Assert.Equal("", await ChangeAsync(session, "del-port p0"));
        Assert.Equal(["p1"], Ports);
    }

    [Fact]
    public async Task AWrongFileIsNotTakenOver()
    {
        var session = await StartAsync();
        await ChangeAsync(session, "add-br br0 -- add-port br0 p0");
        await File.WriteAllTextAsync(Path, """{"bridges": [{"name": "br0", "ports": [{"name": "p0", "tag": 4096}]}]}""");
        Assert.StartsWith($"{Path}:1: bridges[0].ports[0].tag: 4096", (await Assert.ThrowsAsync<ConfigException>(session.ReloadAsync)).Message);
        await File.WriteAllTextAsync(Path, """{"bridges": [{"name": "br0", "ports": [{"name": "bad1"}]}]}""");
        Assert.Equal("bad1 is bad", (await Assert.ThrowsAsync<ConfigException>(session.ReloadAsync)).Message);
        Assert.Equal(["p0"], Ports);
        File.Delete(Path);
        Assert.Equal($"{Path}: there is no such file any more", (await Assert.ThrowsAsync<ConfigException>(session.ReloadAsync)).Message);
    }

    [Fact]
    public async Task WhatWasWrongAtTheStartIsNoFaultOfAChange()
    {
        await File.WriteAllTextAsync(Path, """{"bridges": [{"name": "br0", "ports": [{"name": "bad"}, {"name": "p0"}]}]}""");
        var session = await StartAsync();
        Assert.Equal("", await ChangeAsync(session, "add-port br0 p1"));
        Assert.Equal(["bad", "p0", "p1"], Ports);
    }

    [Fact]
    public async Task WhatHasNoEffectIsSaidOnce()
    {
        var session = await StartAsync();
        Assert.Equal("half0: half a port", await ChangeAsync(session, "add-br br0 -- add-port br0 half0"));
        Assert.Equal("", await ChangeAsync(session, "add-port br0 p1"));
        _lines.Clear();
        await StartAsync();
        Assert.Equal(["config: half0: half a port"], _lines);
    }

    [Fact]
    public async Task NothingIsChangedBeforeTheStartIsDone()
    {
        await File.WriteAllTextAsync(Path, Files.Plain);
        var session = new ConfigSession(ConfigFile.Open(Path), _switch, (_, _) => { });
        var change = ChangeAsync(session, "del-port p0");
        Assert.False(change.IsCompleted);
        await session.StartAsync();
        Assert.Equal("", await change);
        Assert.Equal(["p1"], Ports);
    }

    [Fact]
    public void AFolderOrNoneIsNoFile()
    {
        Assert.Equal($"{_folder.Path}: this is a folder, and a file is needed", Assert.Throws<ConfigException>(() => ConfigFile.Open(_folder.Path)).Message);
        Assert.Equal($"{_folder.Path}/none/f: there is no folder {_folder.Path}/none",
            Assert.Throws<ConfigException>(() => ConfigFile.Open(_folder.File("none/f"))).Message);
    }

    public void Dispose() => _folder.Dispose();

    private static Task<string> ChangeAsync(ConfigSession session, string command)
    {
        string[] words = command.Split(' ');
        return session.ChangeAsync(ConfigEdit.Parse(words[0], words[1..]));
    }

    private static async Task<string> RefusalAsync(ConfigSession session, string command) =>
        (await Assert.ThrowsAsync<ConfigException>(() => ChangeAsync(session, command))).Message;

    private async Task<ConfigSession> StartAsync()
    {
        var session = new ConfigSession(ConfigFile.Open(Path), _switch, (_, line) => _lines.Add(line));
        await session.StartAsync();
        return session;
    }

    private sealed class Switch : IConfigurable
    {
        public WantedSwitch Now { get; private set; } = WantedSwitch.Nothing;

        public Task<SwitchReport> ConfigureAsync(WantedSwitch wanted)
        {
            Now = wanted;
            return ReportAsync();
        }

        public Task<SwitchReport> ReportAsync() => Task.FromResult(new SwitchReport(
            Now.Bridges.ToDictionary(bridge => bridge.Name, bridge => new BridgeReport(null,
                bridge.Name == "bad" ? new Dictionary<string, string> { [PlannedBridge.Error] = "bad is bad" } : [])),
            Now.Bridges.SelectMany(bridge => bridge.Ports).ToDictionary(port => port.Name, port => Report(port.Name))));

        private static InterfaceReport Report(string name) =>
            name.StartsWith("bad", StringComparison.Ordinal) ? new(InterfaceReport.NoPort, $"{name} is bad")
            : name.StartsWith("half", StringComparison.Ordinal) ? new(1, "half a port")
            : new(1, null);
    }
}
