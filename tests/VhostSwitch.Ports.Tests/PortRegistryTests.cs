using VhostSwitch.Dataplane;
using VhostSwitch.Switching;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Ports.Tests;

public sealed class PortRegistryTests : IDisposable
{
    private const int MiB = 1 << 20;

    private readonly LoopThread _control = new();
    private readonly MacTable _table = new();
    private readonly DataPlane _plane;
    private readonly FrameMemory _memory = new(0, 64 * MiB);
    private readonly PortRegistry _ports;

    public PortRegistryTests()
    {
        _plane = new DataPlane([-1], new BridgeForwarder(_table), RetryPolicy.Default, IdlePolicy.Adaptive);
        _ports = new PortRegistry(new PortContext(_control.Loop, _plane, _memory));
        // The loop runs.
        _control.Do(() => { });
    }

    public void Dispose()
    {
        _ports.Dispose();
        _control.Dispose();
        _plane.Dispose();
        _table.Dispose();
    }

    [Fact]
    public void DevicesComeAndGoWhileTheProgramRuns()
    {
        var one = _ports.Add("net_null0", "size=128");
        var other = _ports.Add("net_ring0", "loop=1");
        Assert.Equal(["net_null0", "net_ring0"], _control.Ask(() => _ports.Devices.Select(d => d.Vdev.Name)));
        Assert.Equal((one.Port, other.Port), (_plane.Topology.Find(0), _plane.Topology.Find(1)));
        Assert.True(_ports.Remove("net_null0"));
        Assert.Null(_plane.Topology.Find(0));
        Assert.False(_ports.Remove("net_null0"));
        // On the control thread as on any other.
        Assert.Equal("net_null1", _control.Ask(() => _ports.Add("net_null1").Vdev.Name));
    }

    [Fact]
    public void MemoryOfADeviceThatWentIsFreeAgain()
    {
        for (int i = 0; i < 20; i++)
        {
            _ports.Add("virtio_user0", "path=/nowhere/s,queues=8,queue_size=1024");
            Assert.InRange(_memory.NormalBytes, 32ul * MiB, 48ul * MiB);
            Assert.True(_ports.Remove("virtio_user0"));
        }
        Assert.Equal(0ul, _memory.NormalBytes);
    }

    [Theory]
    [InlineData("net_null0", "", "net_null0: there is a device of that name already; give this one another number")]
    [InlineData("net_none0", "", "'net_none0' names no driver")]
    [InlineData("net_null1", "colour=red", "'colour' is no argument of net_null")]
    [InlineData("net_pcap0", "rx_pcap=/nowhere/file", "/nowhere/file")]
    public void ADeviceThatCannotBeLeavesNothingBehind(string name, string arguments, string sentence)
    {
        _ports.Add("net_null0");
        Assert.Contains(sentence, Assert.Throws<PortException>(() => _ports.Add(name, arguments)).Message, StringComparison.Ordinal);
        Assert.Equal(1, _plane.Topology.Attached.Length);
        Assert.Single(_control.Ask(() => _ports.Devices));
    }
}
