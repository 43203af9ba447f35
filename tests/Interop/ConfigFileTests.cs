using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>A switch with <c>--config</c>: its file and <c>vhost-switch ctl</c>, while DPDK's drivers send frames through it.</summary>
public sealed class ConfigFileTests : InteropTest
{
    private const string MacA = "52:54:00:00:00:0a";
    private const string MacB = "52:54:00:00:00:0b";

    private string Config => Folder.File("switch.json");

    /// <summary>Ports come and go, one is refused, and no frame of the others is lost; what there was is there again after a kill.</summary>
    [Fact]
    public async Task PortsAreChangedWhileFramesFlowAndOutliveTheSwitch()
    {
        SwitchProcess vhostSwitch = Start();
        await vhostSwitch.WaitUntilServingAsync();
        await TellAsync("add-br", "br0");
        await TellAsync("add-port", "br0", "p0", "type=dpdkvhostuser", "--", "add-port", "br0", "p1", "--", "set", "Interface", "p1", "type=dpdkvhostuser");
        Testpmd guests = await StartGuestsAsync(vhostSwitch);
        await AssertFlowsAsync(guests);

        await TellAsync("add-port", "br0", "p2", "type=dpdkvhostuser");
        Assert.True(File.Exists(Folder.File("p2")));
        string before = await File.ReadAllTextAsync(Config);
        Assert.Contains("(there is no interface none0;", await RefusalAsync("add-port", "br0", "p3", "type=dpdkvhostuser", "--", "add-port", "br0", "none0"));
        Assert.False(File.Exists(Folder.File("p3")));
        Assert.Contains("type=dpdkvhost: dpdkvhost was given, ", await RefusalAsync("add-port", "br0", "p3", "type=dpdkvhost"));
        Assert.Equal(before, await File.ReadAllTextAsync(Config));
        await AssertFlowsAsync(guests);
        await TellAsync("del-port", "p2");
        Assert.False(File.Exists(Folder.File("p2")));
        await TellAsync("add-port", "br0", "n0", "type=dpdk", "options:dpdk-devargs=net_null0,no-rx=1");
        await AssertFlowsAsync(guests);
        Assert.Matches($" +[0-9]+ +0  {MacA} ", await TellAsync("fdb/show", "br0"));
        Assert.Matches("br0 +p0 +[0-9]+ +dpdkvhostuser +-", await TellAsync("show"));

        // What the driver sent, the switch has delivered: every frame of it.
        await guests.StopForwardingAsync();
        SwitchStatus status = await vhostSwitch.WaitForStatusAsync(
            now => Guests(now).Sum(port => port.FramesFromGuest) == Guests(now).Sum(port => port.FramesToGuest), "as many frames from guests as to them");
        Assert.Empty(status.Drops());
        await guests.QuitAsync();

        before = await File.ReadAllTextAsync(Config);
        await vhostSwitch.KillAsync();
        SwitchProcess again = Start();
        await again.WaitUntilAnsweringAsync();
        await again.WaitForStatusAsync(now => now.Ports.Select(port => port.Name).Order().SequenceEqual(["n0", "p0", "p1"]), "the ports that there were");
        Assert.Equal(before, await File.ReadAllTextAsync(Config));
        guests = await StartGuestsAsync(again);
        await AssertFlowsAsync(guests);
        await guests.QuitAsync();
        await again.StopAsync();
        Assert.False(File.Exists(Folder.File("p0")));
    }

    private IEnumerable<SwitchStatus.Port> Guests(SwitchStatus status) => [status.PortAt(Folder.File("p0")), status.PortAt(Folder.File("p1"))];

    private SwitchProcess Start()
    {
        string controlSocket = Folder.File("ctl");
        return Own(SwitchProcess.StartWith(Folder, ["-l", "0", "--", "--config", Config, "--ctl-socket", controlSocket], [], controlSocket), p => [p.Transcript]);
    }

    private Task<string> TellAsync(params string[] words) =>
        ChildProcess.RunAsync("vhost-switch ctl", Repository.SwitchProgram, ["ctl", "--socket", Folder.File("ctl"), .. words], Limits.Step);

    private async Task<string> RefusalAsync(params string[] words) => (await Assert.ThrowsAsync<RigException>(() => TellAsync(words))).Message;

    /// <summary>Two front-ends in one program, which sends out of each what it gets by the other.</summary>
    private async Task<Testpmd> StartGuestsAsync(SwitchProcess vhostSwitch)
    {
        Testpmd guests = await StartTestpmdAsync(new()
        {
            Ports = [new VirtioUserPort(Folder.File("p0"), MacA), new VirtioUserPort(Folder.File("p1"), MacB)],
            Peers = [MacB, MacA],
        });
        await vhostSwitch.WaitForStatusAsync(status => Guests(status).All(port => port.IsUp), "both ports up");
        await guests.StartForwardingAsync(txFirst: true);
        return guests;
    }

    private static async Task AssertFlowsAsync(Testpmd guests)
    {
        long[] before = [.. (await guests.ShowCountersAsync()).Select(port => port.ReceivedFrames)];
        await Until.TrueAsync(
            async () => (await guests.ShowCountersAsync()).Zip(before).All(port => port.First.ReceivedFrames > port.Second + 1000), Limits.Step, "frames flow");
    }
}
