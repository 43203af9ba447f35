using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>
/// The control: the same counterparts joined by somebody else's switch. When these fail, the failures of the other classes say
/// nothing about vhost-switch.
/// </summary>
public sealed class RigTests : InteropTest
{
    private const string MacA = "52:54:00:00:00:01";
    private const string MacB = "52:54:00:00:00:02";

    /// <summary>Two virtio_user ports and two net_vhost ports, frames going round.</summary>
    [Fact]
    public async Task TestpmdForwardsBetweenItsOwnTwoSides()
    {
        string[] sockets = [Folder.File("a"), Folder.File("b")];
        Testpmd back = await StartTestpmdAsync(new()
        {
            Title = "testpmd back-end",
            Ports = [.. sockets.Select(socket => new NetVhostPort(socket))],
            ForwardMode = "io",
            Core = 0,
        });
        await back.StartForwardingAsync();
        Testpmd guest = await StartTestpmdAsync(new()
        {
            Ports = [new VirtioUserPort(sockets[0], MacA), new VirtioUserPort(sockets[1], MacB)],
            Peers = [MacB, MacA],
        });
        await guest.StartForwardingAsync(txFirst: true);
        await Until.TrueAsync(
            async () => (await guest.ShowCountersAsync()).All(port => port.ReceivedFrames > 100_000),
            Limits.Step,
            "both ports receive");
        await guest.StopForwardingAsync();
        IReadOnlyList<TestpmdCounters> counters = await guest.ShowCountersAsync();
        Assert.All(counters, port => Assert.Equal(0, port.ReceivedErrors));
        await guest.QuitAsync();
        await back.QuitAsync();
    }

    /// <summary>Two guests on Open vSwitch.</summary>
    [Fact]
    public async Task LinuxGuestsPingThroughOpenVswitch()
    {
        OpenVswitch openVswitch = await StartOpenVswitchAsync();
        QemuGuest a = await StartGuestAsync(new() { Name = "a", Nics = [new GuestNic(await openVswitch.AddServerPortAsync("vu0"), MacA)] });
        QemuGuest b = await StartGuestAsync(new() { Name = "b", Nics = [new GuestNic(await openVswitch.AddServerPortAsync("vu1"), MacB)] });
        await a.WaitForBootAsync();
        await b.WaitForBootAsync();
        await a.SetAddressAsync("10.0.0.1/24");
        await b.SetAddressAsync("10.0.0.2/24");
        await a.WaitForPingAsync("10.0.0.2");
        Assert.Equal(10, await a.PingAsync("10.0.0.2", 10));
        await b.RebootAsync();
        await b.SetAddressAsync("10.0.0.2/24");
        await a.WaitForPingAsync("10.0.0.2");
        await a.PowerOffAsync();
        await b.PowerOffAsync();
    }
}
