using VhostSwitch.Ports.Tests.NetPcap;
using VhostSwitch.TestKit.Host;
using VhostSwitch.Virtio;
using VhostSwitch.VirtioUser.Tests;

namespace VhostSwitch.Ports.Tests.NetVirtioUser;

public sealed class VirtioUserDeviceTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>The frames of a file go out by the device and come back by it, and are the same.</summary>
    [Theory]
    [InlineData("", "split rings of 256, 1 queue pair")]
    [InlineData(",packed_vq=1", "packed rings of 256, 1 queue pair")]
    [InlineData(",mrg_rxbuf=0,in_order=0,queue_size=64", "split rings of 64, 1 queue pair")]
    [InlineData(",packed_vq=1,in_order=0,queues=4", "packed rings of 256, 4 queue pairs")]
    [InlineData(",queues=4,queue_size=1024,speed=10000", "split rings of 1024, 4 queue pairs, 10000 Mbit/s")]
    public void EveryFrameComesBackFromABackEndThatReturnsIt(string arguments, string status)
    {
        byte[][] frames = [.. Enumerable.Range(0, 2000).Select(i => TestFrames.Numbered(i, 14 + (i * 37 % 1501)))];
        using var backEnd = new EchoBackEnd(_folder.File("s"));
        using var rig = new PortRig();
        var device = rig.Add($"virtio_user0,path={_folder.File("s")},mac=02:00:00:00:00:01{arguments}");
        rig.WaitFor(device, $"up: vhost-user back-end at {_folder.File("s")}, {status}");
        // Slow enough that one ring of the two is never full while the other is.
        var file = rig.Add($"net_pcap0,rx_pcap={Input(frames)},tx_pcap={_folder.File("out")},rate=5k");
        Until.True(() => PortRig.Sent(file) == 2000, "all frames back");
        rig.Remove(file);
        byte[][] back = Parsed.Read(File.ReadAllBytes(_folder.File("out"))).Frames;
        // Frames of one flow keep their order; several pairs have several flows.
        if (arguments.Contains("queues", StringComparison.Ordinal))
            Assert.Equal(frames.Select(Convert.ToHexString).Order(), back.Select(Convert.ToHexString).Order());
        else Assert.Equal(frames, back);
        Assert.Equal(arguments.Contains("mrg_rxbuf=0", StringComparison.Ordinal), (backEnd.Device.Features & Features.MrgRxbuf) == 0);
        Assert.Equal(arguments.Contains("in_order=0", StringComparison.Ordinal), (backEnd.Device.Features & Features.InOrder) == 0);
        Assert.All(rig.Plane.Threads, t => Assert.Equal(0, t.AllocatedBytes));
    }

    [Fact]
    public void AFrameOfManyBuffersKeepsItsBytes()
    {
        byte[][] frames = [.. new[] { 2036, 2037, 9000, 30_000, 65_535 }.Select((length, i) => TestFrames.Numbered(i, length))];
        using var backEnd = new EchoBackEnd(_folder.File("s"));
        using var rig = new PortRig();
        var device = rig.Add($"virtio_user0,path={_folder.File("s")}");
        rig.WaitFor(device, "up: ");
        var file = rig.Add($"net_pcap0,rx_pcap={Input(frames)},tx_pcap={_folder.File("out")}");
        Until.True(() => PortRig.Sent(file) == (ulong)frames.Length, "all frames back");
        rig.Remove(file);
        Assert.Equal(frames, Parsed.Read(File.ReadAllBytes(_folder.File("out"))).Frames);
    }

    [Fact]
    public void SpeaksInTheOrderOfDpdksVirtioUser()
    {
        const Features offered = ScriptedBackEnd.AllFeatures | Features.Csum;
        using var backEnd = new ScriptedBackEnd(_folder.File("s")) { QueuePairs = 2, Rings = 4, Offered = offered };
        using (var rig = new PortRig())
        {
            var device = rig.Add($"virtio_user0,path={_folder.File("s")},queues=3,queue_size=64");
            rig.WaitFor(device, "2 queue pairs of 3, since it has no more");
            Assert.Equal(["tx-checksum"], rig.Ask(() => device.Offloads));
        }
        Until.True(() => backEnd.Log.Contains("closed"), "the end of the connection");
        Assert.Equal(
            [
                "SetOwner", "GetFeatures", "GetProtocolFeatures", "SetProtocolFeatures 0x10009", "GetQueueNum",
                "SetVringCall 0 fds=1", "SetVringCall 1 fds=1", "SetVringCall 2 fds=1", "SetVringCall 3 fds=1",
                "SetFeatures 0x940408001", "SetStatus 0xb !", "GetStatus",
                "SetMemTable regions=1 fds=1 !",
                "SetVringNum 0=64", "SetVringBase 0=0", "SetVringAddr 0", "SetVringKick 0 fds=1",
                "SetVringNum 1=64", "SetVringBase 1=0", "SetVringAddr 1", "SetVringKick 1 fds=1",
                "SetVringNum 2=64", "SetVringBase 2=0", "SetVringAddr 2", "SetVringKick 2 fds=1",
                "SetVringNum 3=64", "SetVringBase 3=0", "SetVringAddr 3", "SetVringKick 3 fds=1",
                "SetVringEnable 0=1", "SetVringEnable 1=1", "SetVringEnable 2=0", "SetVringEnable 3=0", "SetStatus 0xf !",
                "SetVringEnable 0=1", "SetVringEnable 1=1", "SetVringEnable 2=1", "SetVringEnable 3=1",
                "SetVringEnable 0=0", "SetVringEnable 1=0", "SetVringEnable 2=0", "SetVringEnable 3=0",
                "GetVringBase 0", "GetVringBase 1", "GetVringBase 2", "GetVringBase 3", "SetStatus 0x0 !",
                "closed",
            ],
            backEnd.Log);
    }

    [Theory]
    [InlineData(false, false, 3)]
    [InlineData(true, false, 3)]
    [InlineData(false, true, 3)]
    [InlineData(true, true, 3)]
    public void ABackEndThatComesAgainFindsTheRingsItNeeds(bool server, bool packed, int rounds)
    {
        string path = _folder.File("s");
        using var rig = new PortRig();
        string options = $"path={path},in_order=0,packed_vq={(packed ? 1 : 0)},server={(server ? 1 : 0)}";
        var device = rig.Add($"virtio_user0,{options}");
        rig.WaitFor(device, server ? $"waiting for a back-end to connect to {path}" : $"waiting for a back-end: nobody listens at {path}");
        Assert.True(device.Port.Outputs.IsEmpty);
        uint used = 0;
        for (int round = 0; round < rounds; round++)
        {
            using var backEnd = new ScriptedBackEnd(path, connects: server);
            rig.WaitFor(device, "up: ");
            // A split ring goes on where the former back-end stood, a packed one begins anew.
            Assert.Contains($"SetVringBase 0={(packed ? 0x80008000 : used)}", backEnd.Log);
            backEnd.WaitUntilReady();
            Give(backEnd, packed, (ushort)used, frames: 5);
            used += 5;
            ulong given = (ulong)(5 * (round + 1));
            Until.True(() => PortRig.Given(device) == given, "the back-end's frames");
            backEnd.Dispose();
            rig.WaitFor(device, $"down: the back-end at {path} closed the connection");
            Assert.True(device.Port.Outputs.IsEmpty);
            if (!server) File.Delete(path);
        }
        rig.Remove(device);
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void ABackEndThatCannotBeUsedIsNamedAndTriedAgain()
    {
        string path = _folder.File("s");
        using var rig = new PortRig();
        using (var backEnd = new ScriptedBackEnd(path) { Offered = Features.MrgRxbuf })
        {
            var device = rig.Add($"virtio_user0,path={path}");
            rig.WaitFor(device, "no back-end that can be used: the back-end offers no VERSION_1");
            Until.True(() => backEnd.Log.Count(l => l == "SetOwner") >= 2, "a second try");
        }
        File.Delete(path);
        using var better = new ScriptedBackEnd(path);
        rig.WaitFor(rig.Add($"virtio_user1,path={path}"), "up: ");
    }

    [Fact]
    public void ABackEndThatNeverAnswersHoldsNobody()
    {
        using var backEnd = new ScriptedBackEnd(_folder.File("s")) { Ignore = Vhost.User.FrontEndRequest.GetFeatures };
        using var rig = new PortRig();
        var device = rig.Add($"virtio_user0,path={_folder.File("s")}");
        Until.True(() => backEnd.Log.Contains("GetFeatures"), "the question");
        // The control thread answers, and the device goes, while an answer is waited for.
        Assert.StartsWith("waiting for a back-end", rig.Ask(() => device.Status), StringComparison.Ordinal);
        rig.Remove(device);
        Until.True(() => backEnd.Log.Contains("closed"), "the end of the connection");
    }

    // Frames of 60 bytes, from the device's side of the first receive ring.
    private static unsafe void Give(ScriptedBackEnd backEnd, bool packed, ushort used, int frames)
    {
        if (packed)
        {
            var ring = backEnd.PackedRing(0);
            Give(backEnd, ref ring, frames);
        }
        else
        {
            var ring = backEnd.Ring(0, used);
            Give(backEnd, ref ring, frames);
        }
    }

    private static unsafe void Give<TRing>(ScriptedBackEnd backEnd, ref TRing ring, int frames)
        where TRing : struct, IDeviceRing
    {
        Assert.True(ring.Available(frames) >= frames);
        for (int i = 0; i < frames; i++)
        {
            int id = ring.Peek(i, out var descriptor);
            byte* buffer = backEnd.Memory.TranslateFrontEnd(descriptor.Address, descriptor.Length);
            new Span<byte>(buffer, NetHeader.Size).Clear();
            buffer[10] = 1;
            TestFrames.Numbered(i).CopyTo(new Span<byte>(buffer + NetHeader.Size, 60));
            ring.Use(i, id, NetHeader.Size + 60);
        }
        ring.Publish(frames);
        Linux.EventFd.Signal(backEnd.Calls[0]!.Number);
    }

    private string Input(byte[][] frames)
    {
        var builder = new CaptureBuilder().PcapHeader();
        foreach (byte[] frame in frames)
            builder.PcapRecord(frame);
        return _folder.With("in", builder.Bytes);
    }
}
