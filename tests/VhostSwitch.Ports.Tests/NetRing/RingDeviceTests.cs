using VhostSwitch.Ports.Tests.NetPcap;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Ports.Tests.NetRing;

public sealed class RingDeviceTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly List<DeviceRig> _rigs = [];

    /// <summary>The frames of one file cross the pair, those of the other cross it the other way round, each into a file of its own.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void FramesSentToOneArriveAtTheOtherBothWays(int threads)
    {
        byte[][] there = TestFrames.Many(3000), back = [.. TestFrames.Many(5000).Skip(3000)];
        var rig = Rig(threads);
        var left = rig.Add($"net_pcap0,rx_pcap={Input("l", there)},tx_pcap={_folder.File("L")}");
        var right = rig.Add($"net_pcap1,rx_pcap={Input("r", back)},tx_pcap={_folder.File("R")}");
        var near = rig.Add("net_ring0,peer=net_ring1");
        var far = rig.Add("net_ring1,peer=net_ring0");
        rig.Wire(left, near);
        rig.Wire(far, right);
        rig.Wire(right, far);
        rig.Wire(near, left);
        rig.Check();
        Until.True(() => DeviceRig.Sent(right) == 3000 && DeviceRig.Sent(left) == 2000, "all frames at their files");
        rig.Remove(left);
        rig.Remove(right);
        Assert.Equal(there, Parsed.Read(File.ReadAllBytes(_folder.File("R"))).Frames);
        Assert.Equal(back, Parsed.Read(File.ReadAllBytes(_folder.File("L"))).Frames);
        Assert.All(rig.Plane.Threads, t => Assert.Equal(0, t.AllocatedBytes));
    }

    [Fact]
    public void ALoopGivesBackWhatItTakes()
    {
        byte[][] frames = TestFrames.Many(500);
        var rig = Rig();
        var file = rig.Add($"net_pcap0,rx_pcap={Input("in", frames)},tx_pcap={_folder.File("out")}");
        var loop = rig.Add("net_ring0,loop=1,size=128");
        Assert.Equal("up: gives back what it takes", loop.Status);
        rig.Wire(file, loop);
        rig.Wire(loop, file);
        rig.Check();
        Until.True(() => DeviceRig.Sent(file) == 500, "all frames back");
        rig.Remove(file);
        Assert.Equal(frames, Parsed.Read(File.ReadAllBytes(_folder.File("out"))).Frames);
    }

    [Fact]
    public void AThreadThatSleepsIsWokenByAFrame()
    {
        var rig = Rig();
        var near = rig.Add("net_ring0,peer=net_ring1");
        var far = rig.Add("net_ring1,peer=net_ring0");
        var end = rig.Add("net_null0");
        rig.Wire(far, end);
        var output = near.Port.Outputs[0];
        using var loan = new FrameLoan(TestFrames.Numbered(1));
        const int rounds = 20;
        for (ulong round = 1; round <= rounds; round++)
        {
            Until.True(() => rig.Plane.Threads[0].IsSleeping, "a sleeping thread");
            Assert.Equal(1, loan.SendBy(output));
            if (output.NotificationOpen)
            {
                Interlocked.MemoryBarrier();
                output.DecideNotification();
            }
            Until.True(() => DeviceRig.Sent(end) == round, "the frame at the end");
        }
        // A thread also wakes by itself each second, and may have done so just before the frame.
        Assert.InRange(Notifications(near), rounds / 2ul, (ulong)rounds);
    }

    [Fact]
    public void ADeviceWaitsForItsPeerAndSurvivesIt()
    {
        var rig = Rig();
        var near = rig.Add("net_ring0,peer=net_ring1");
        Assert.Equal("waiting for its peer: add --vdev net_ring1,peer=net_ring0", near.Status);
        Assert.True(near.Port.Outputs.IsEmpty);
        for (int round = 0; round < 3; round++)
        {
            var far = rig.Add("net_ring1,peer=net_ring0");
            Assert.Equal(("up: joined with net_ring1", "up: joined with net_ring0"), (near.Status, far.Status));
            Assert.Equal((1, 1), (near.Port.Outputs.Length, near.Port.Inputs.Length));
            rig.Remove(far);
            Assert.Equal("waiting for its peer: add --vdev net_ring1,peer=net_ring0", near.Status);
            Assert.Equal((0, 0), (near.Port.Outputs.Length, near.Port.Inputs.Length));
        }
        Assert.Equal(Enumerable.Repeat("waiting for its peer: add --vdev net_ring1,peer=net_ring0", 3), rig.Notes);
    }

    [Fact]
    public void PeersAreThoseOfTheSameSwitch()
    {
        var one = Rig().Add("net_ring0,peer=net_ring1");
        var other = Rig().Add("net_ring1,peer=net_ring0");
        Assert.StartsWith("waiting for its peer", one.Status, StringComparison.Ordinal);
        Assert.StartsWith("waiting for its peer", other.Status, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("net_ring0", "net_ring0: needs peer=NAME, another net_ring device, or loop=1")]
    [InlineData("net_ring0,peer=net_ring0", "net_ring0: is its own peer; loop=1 gives back what is sent to a device")]
    [InlineData("net_ring0,peer=net_ring1,loop=1",
        "net_ring0: loop=1 and peer exclude each other: a device has a peer or gives back itself what it takes")]
    [InlineData("net_ring0,loop=1,size=1000", "net_ring0: size=1000 was given, a power of two is needed, for example 1024")]
    [InlineData("net_ring0,loop=1,size=64", "net_ring0: size=64 was given, a number from 128 to 262144 is allowed")]
    public void RefusesArgumentsThatDoNotFit(string vdev, string error) =>
        Assert.Equal(error, Assert.Throws<PortException>(() => Rig().Make(vdev)).Message);

    [Theory]
    [InlineData("net_ring0,peer=net_ring7", "net_ring1: its peer net_ring0 has peer=net_ring7; two devices name each other")]
    [InlineData("net_ring0,loop=1", "net_ring1: its peer net_ring0 has loop=1; two devices name each other")]
    [InlineData("net_ring0,peer=net_ring1,size=256", "net_ring1: its size is not that of its peer net_ring0; give both the same")]
    public void RefusesAPeerThatDoesNotFit(string first, string error)
    {
        var rig = Rig();
        rig.Add(first);
        Assert.Equal(error, Assert.Throws<PortException>(() => rig.Add("net_ring1,peer=net_ring0")).Message);
    }

    public void Dispose()
    {
        _rigs.ForEach(r => r.Dispose());
        _folder.Dispose();
    }

    private static unsafe ulong Notifications(PortDevice device) => device.OutputCounters[0].Counters->Notifications;

    private DeviceRig Rig(int threads = 1)
    {
        _rigs.Add(new DeviceRig(threads));
        return _rigs[^1];
    }

    private string Input(string name, byte[][] frames)
    {
        var builder = new CaptureBuilder().PcapHeader();
        foreach (byte[] frame in frames)
            builder.PcapRecord(frame);
        return _folder.With(name, builder.Bytes);
    }
}
