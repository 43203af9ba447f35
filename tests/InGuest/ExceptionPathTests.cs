using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.InGuest;

/// <summary>
/// The documents' exception path, step by step: testpmd takes frames from a NIC into the kernel by virtio_user, and a second one on the interface
/// that is there then takes them from the kernel and returns them.
/// </summary>
public sealed class ExceptionPathTests : InterfacePortTest
{
    private const int FileBytes = 4 << 20;
    private const int FullFrame = 1514;

    /// <param name="advanced">With the options for two queues on all ports, checksums and segmentation left to them, and large segments from the kernel.</param>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FramesGoIntoTheKernelAndComeBack(bool advanced)
    {
        const int bursts = 10, burst = 32;
        NetworkNamespace hub = await MakeNamespaceAsync(), outside = await MakeNamespaceAsync();
        Station remote = await Station.ByVethAsync(outside, hub, "nic0", "10.0.0.1");
        Testpmd first = await StartTestpmdAsync(new()
        {
            Own = true,
            Title = "first",
            Namespace = hub,
            Core = 0,
            ForwardMode = "io",
            Queues = advanced ? 2 : 1,
            Descriptors = advanced ? 1024 : 256,
            Ports = [new OwnPort("net_af_packet", ",iface=nic0,qpairs=2"), new OwnPort("virtio_user", ",path=/dev/vhost-net,queue_size=1024,queues=2")],
            MoreOptions = advanced ? ["--tx-offloads=0x002c", "--enable-lro"] : [],
        });
        await first.StartForwardingAsync();

        // The kernel's end, by the name that it gives the first: configured, and reached from outside.
        Station kernel = await Station.AtTapAsync(hub, "tap0", "10.0.0.2");
        await remote.WaitForPingAsync(kernel.Address);
        await TransferAsync(remote, kernel, FileBytes);
        await TransferAsync(kernel, remote, FileBytes);
        TestpmdCounters carried = (await first.ShowCountersAsync())[1];
        // TCP segments stay large both ways, asked for or not.
        Assert.True(carried.SentBytes > carried.SentFrames * FullFrame, $"{carried.SentFrames} frames of {carried.SentBytes} bytes to the kernel");
        Assert.True(carried.ReceivedBytes > carried.ReceivedFrames * FullFrame, $"{carried.ReceivedFrames} frames of {carried.ReceivedBytes} bytes from it");

        // From here on the kernels of both sides say nothing by themselves.
        await hub.IpHereAsync("addr flush dev tap0");
        await outside.IpHereAsync($"addr flush dev {remote.Interface}");
        Testpmd second = await StartTestpmdAsync(new()
        {
            Own = true, Title = "second", Namespace = hub, ForwardMode = "io", Ports = [new InterfacePort("net_af_packet", "tap0")],
        });
        await second.StartForwardingAsync();
        Testpmd source = await StartTestpmdAsync(new()
        {
            Own = true, Title = "source", Namespace = outside, ForwardMode = "rxonly", Ports = [new InterfacePort("net_af_packet", remote.Interface)],
        });
        await first.CommandAsync("clear port stats all");
        for (int sent = burst; sent <= bursts * burst; sent += burst)
        {
            await source.StartForwardingAsync(txFirst: true);
            await Until.TrueAsync(async () => (await CountAsync()).All(port => port.ReceivedFrames >= sent), Limits.Step, $"{sent} frames are back");
            await source.StopForwardingAsync();
        }
        Assert.All(await CountAsync(), port => Assert.Equal((bursts * burst, bursts * burst), (port.ReceivedFrames, port.SentFrames)));
        await source.QuitAsync();
        await second.QuitAsync();
        await first.QuitAsync();
        Assert.DoesNotContain("tap0", await hub.RunAsync("ls", "/sys/class/net"), StringComparison.Ordinal);

        async Task<TestpmdCounters[]> CountAsync() =>
            [.. await source.ShowCountersAsync(), .. await first.ShowCountersAsync(), .. await second.ShowCountersAsync()];
    }
}
