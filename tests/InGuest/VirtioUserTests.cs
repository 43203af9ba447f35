using System.Text.RegularExpressions;
using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.InGuest;

/// <summary>virtio_user ports on the kernel's own vhost-net: interfaces that the kernel's threads move frames for.</summary>
public sealed class VirtioUserTests : InterfacePortTest
{
    private const string Mac = "52:54:00:00:00:0e";
    private const int FullFrame = 1514;

    [Theory]
    [InlineData("", 1)]
    [InlineData(",queue_size=1024,queues=2", 2)]
    [InlineData(",mrg_rxbuf=0", 1)]
    public async Task AnInterfaceOfTheKernelReachesTheSwitch(string arguments, int queues)
    {
        const int pings = 50;
        NetworkNamespace hub = await MakeNamespaceAsync(), left = await MakeNamespaceAsync(), right = await MakeNamespaceAsync();
        SwitchProcess vhostSwitch = await StartSwitchAsync(new()
        {
            Sockets = [],
            Namespace = hub,
            Devices = [$"virtio_user0,path=/dev/vhost-net,iface=ext0,mac={Mac}{arguments}", "net_tap0,iface=tapb"],
        });
        string[] there = (await hub.RunAsync("ls", "/sys/class/net/ext0/queues")).Split('\n');
        Assert.Equal(queues, there.Count(queue => queue.StartsWith("tx-", StringComparison.Ordinal)));
        Station a = await Station.ByTapAsync(left, hub, "ext0", "10.0.0.1"), b = await Station.ByTapAsync(right, hub, "tapb", "10.0.0.2");
        Assert.Equal(Mac, await a.MacAsync());
        await a.WaitForPingAsync(b.Address);
        Assert.Equal(pings, await a.PingAsync(b.Address, pings));
        Assert.Equal(pings, await b.PingAsync(a.Address, pings));
        await TransferAsync(a, b);
        await TransferAsync(b, a);
        WirePort port = (await vhostSwitch.StatusAsync()).Wire("virtio_user0");
        Assert.StartsWith("up: interface ext0 by /dev/vhost-net, split rings", port.Status, StringComparison.Ordinal);
        // TCP segments stay large both ways; received ones where they may have several buffers.
        Assert.True(port.BytesOut > port.FramesOut * FullFrame, $"{port.FramesOut} frames of {port.BytesOut} bytes out");
        Assert.Equal(!arguments.Contains("mrg_rxbuf=0", StringComparison.Ordinal), port.BytesIn > port.FramesIn * FullFrame);
        if (queues > 1) Assert.All(port.Inputs.Concat(port.Outputs), queue => Assert.True(queue.Enabled));
        await vhostSwitch.StopAsync();
        Assert.DoesNotContain("ext0", await left.RunAsync("ls", "/sys/class/net"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnInterfaceThatIsDeletedIsMadeAnew()
    {
        NetworkNamespace hub = await MakeNamespaceAsync(), right = await MakeNamespaceAsync();
        SwitchProcess vhostSwitch = await StartSwitchAsync(new()
        {
            Sockets = [],
            Namespace = hub,
            Devices = [$"virtio_user0,path=/dev/vhost-net,iface=ext0,mac={Mac}", "net_tap0,iface=tapb"],
        });
        Station b = await Station.ByTapAsync(right, hub, "tapb", "10.0.0.2");
        Station a = await Station.AtTapAsync(hub, "ext0", "10.0.0.1");
        await a.WaitForPingAsync(b.Address);
        await hub.IpHereAsync("link del dev ext0");
        await vhostSwitch.WaitForLineAsync(new Regex("virtio_user0: gone: the interface ext0 was deleted"), Limits.Step);
        await Until.TrueAsync(
            async () => (await hub.RunAsync("ls", "/sys/class/net")).Contains("ext0", StringComparison.Ordinal),
            Limits.Step,
            "the interface is there again");
        a = await Station.AtTapAsync(hub, "ext0", "10.0.0.1");
        await a.WaitForPingAsync(b.Address);
        await vhostSwitch.StopAsync();
    }

    [Fact]
    public async Task TheSampleMakesAnInterfaceForEachNic()
    {
        NetworkNamespace hub = await MakeNamespaceAsync(), left = await MakeNamespaceAsync(), right = await MakeNamespaceAsync();
        Station a = await Station.ByVethAsync(left, hub, "p0", "10.0.0.1");
        string program = Path.Combine(Repository.Root, "artifacts", "bin", "exception-path", "release", "exception-path");
        ChildProcess sample = Own(hub.Start("exception-path", program, ["p0"]), p => [p.Transcript]);
        Match line = await sample.WaitForLineAsync(new Regex("p0 is virtio_user0, ([0-9a-f:]+)"), Limits.Step);
        Assert.Equal(await new Station(hub, "p0", "").MacAsync(), line.Groups[1].Value);
        Station b = await Station.ByTapAsync(right, hub, "virtio_user0", "10.0.0.2");
        Assert.Equal(line.Groups[1].Value, await b.MacAsync());
        await a.WaitForPingAsync(b.Address);
        await TransferAsync(a, b);
        await TransferAsync(b, a);
        sample.Signal(ChildSignal.Interrupt);
        Assert.Equal(0, await sample.WaitForExitAsync(Limits.Step));
        Assert.DoesNotContain("virtio_user0", await right.RunAsync("ls", "/sys/class/net"), StringComparison.Ordinal);
    }
}
