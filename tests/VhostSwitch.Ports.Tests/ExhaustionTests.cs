using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost.User;

namespace VhostSwitch.Ports.Tests;

/// <summary>What happens when a guest uses up what the process has.</summary>
public sealed class ExhaustionTests : IDisposable
{
    private readonly SwitchUnderTest _switch = new();

    public void Dispose() => _switch.Dispose();

    [Fact]
    public void AConnectionForWhichNoDescriptorIsLeftIsTurnedAwayAndTheOthersGoOn()
    {
        var options = new ScriptedGuestOptions { RingSize = 32 };
        using var first = new HonestGuest(_switch.SocketPath, new MacAddress(0x0a02), options);
        using var second = new HonestGuest(_switch.SocketPath, new MacAddress(0x0b02), options);
        using var exchange = new FrameExchange(first, second);
        exchange.WaitForRounds(3);
        var connections = new List<UnixSocket>();
        ulong before = SystemCalls.SetDescriptorLimit((ulong)Directory.GetFileSystemEntries("/proc/self/fd").Length + 12);
        try
        {
            for (int i = 0; i < 100; i++)
                connections.Add(UnixSocket.Connect(_switch.SocketPath, nonBlocking: true));
        }
        catch (LinuxException e) when (e.Errno == Errno.EMFILE)
        {
            // This process is both sides: its own sockets are at an end as well.
        }
        try
        {
            exchange.WaitForRounds(10);
        }
        finally
        {
            SystemCalls.SetDescriptorLimit(before);
        }
        connections.ForEach(c => c.Dispose());
        Assert.Null(_switch.ControlFailure);
        Until.True(() => _switch.DeviceCount == 2, "the connections gone");
        using var third = new HonestGuest(_switch.SocketPath, new MacAddress(0x0c02), options);
        Assert.StartsWith("up", _switch.StatusOf(2), StringComparison.Ordinal);
    }

    [Fact]
    public void ManySilentConnectionsAreTakenAndGivenBack()
    {
        using (var warmUp = FrontEndScript.Connect(_switch.SocketPath)) warmUp.Ask(FrontEndRequest.GetFeatures);
        Until.True(() => _switch.DeviceCount == 0, "the first one gone");
        int before = ProcessResources.OpenDescriptorsAtStart();
        var scripts = Enumerable.Range(0, 200).Select(_ => FrontEndScript.Connect(_switch.SocketPath)).ToList();
        Until.True(() => _switch.DeviceCount == 200, "all taken");
        scripts.ForEach(s => s.Dispose());
        Until.True(() => _switch.DeviceCount == 0, "all gone");
        Until.True(() => ProcessResources.OpenDescriptors() == before, "their descriptors closed");
    }

    // A descriptor that was closed while the control thread still watched it ended the switch when its number came back.
    [Fact]
    public void EveryDescriptorOfASessionIsGivenBackWithIt()
    {
        using (var warmUp = FrontEndScript.Connect(_switch.SocketPath)) warmUp.Ask(FrontEndRequest.GetFeatures);
        Until.True(() => _switch.DeviceCount == 0, "the first one gone");
        int before = ProcessResources.OpenDescriptorsAtStart();
        for (int i = 0; i < 20; i++)
        {
            using var guest = new ScriptedGuest(new ScriptedGuestOptions { RingSize = 32 });
            using (var script = FrontEndScript.Connect(_switch.SocketPath))
            {
                FrontEndHandshake.Qemu(script, guest);
                FrontEndHandshake.NegotiateProtocol(script, FrontEndHandshake.WantedProtocolFeatures | Vhost.ProtocolFeatures.BackendReq);
                for (int again = 0; again < 2; again++)
                {
                    var (ours, theirs) = UnixSocket.Pair();
                    using (ours)
                    using (theirs)
                        Assert.Equal(0ul, script.Acknowledge(FrontEndRequest.SetBackendReqFd, [], [theirs.Number]));
                }
            }
            Until.True(() => _switch.DeviceCount == 0, "the device gone");
        }
        Assert.Null(_switch.ControlFailure);
        Until.True(() => ProcessResources.OpenDescriptors() == before, "their descriptors closed");
    }

    [Fact]
    public unsafe void ATranslationThatComesAgainAndAgainCostsNoMemory()
    {
        const int Updates = 1_000_000;
        const long FarLessThanTheirAges = Updates;
        using var iotlb = new Vhost.Iotlb();
        iotlb.Update(0, 4096, (byte*)4096, Vhost.IotlbAccess.Read);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (int i = 0; i < Updates; i++)
            iotlb.Update(0, 4096, (byte*)4096, Vhost.IotlbAccess.Read);
        Assert.Equal(1, iotlb.Count);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, FarLessThanTheirAges);
        for (ulong i = 0; i < 2 * Vhost.Iotlb.MaxEntries; i++)
            iotlb.Update(i * 4096, 4096, (byte*)4096, Vhost.IotlbAccess.Read);
        Assert.Equal(Vhost.Iotlb.MaxEntries, iotlb.Count);
    }

    [Fact]
    public void CannotUseUpTheAddressesOfTheProcess()
    {
        // Sparse files of eight times fifteen terabytes cost a guest nothing and a process nearly all its addresses.
        const ulong Huge = 15UL << 40;
        using var file = SharedMemory.CreateUnsealed("huge", unchecked((nuint)Huge));
        using var attacker = FrontEndScript.Connect(_switch.SocketPath);
        var regions = Enumerable.Range(0, 8).Select(i => new Vhost.RegionDescription((ulong)i * Huge, Huge, (ulong)i * Huge, 0)).ToArray();
        attacker.Send(FrontEndRequest.SetMemTable, Payload.Table(regions), [.. Enumerable.Repeat(file.Number, 8)]);
        attacker.Send(FrontEndRequest.GetFeatures);
        attacker.Receive();
        var options = new ScriptedGuestOptions { RingSize = 32 };
        using var first = new HonestGuest(_switch.SocketPath, new MacAddress(0x0a02), options);
        using var second = new HonestGuest(_switch.SocketPath, new MacAddress(0x0b02), options);
        using var exchange = new FrameExchange(first, second);
        exchange.WaitForRounds(10);
        Assert.Null(_switch.ControlFailure);
    }
}
