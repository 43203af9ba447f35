using VhostSwitch.Linux;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost.User;

namespace VhostSwitch.Vhost.Tests.User;

/// <summary>Every message has its one length, its number of descriptors, and its protocol feature.</summary>
public sealed class RequestHandlerTests
{
    private const int Table = -1;

    public static TheoryData<FrontEndRequest, int, int, ProtocolFeatures> Messages => new()
    {
        { FrontEndRequest.GetFeatures, 0, 0, 0 },
        { FrontEndRequest.SetFeatures, 8, 0, 0 },
        { FrontEndRequest.SetOwner, 0, 0, 0 },
        { FrontEndRequest.ResetOwner, 0, 0, 0 },
        { FrontEndRequest.SetMemTable, Table, 0, 0 },
        { FrontEndRequest.SetLogBase, 16, 1, ProtocolFeatures.LogShmfd },
        { FrontEndRequest.SetVringNum, 8, 0, 0 },
        { FrontEndRequest.SetVringAddr, 40, 0, 0 },
        { FrontEndRequest.SetVringBase, 8, 0, 0 },
        { FrontEndRequest.GetVringBase, 8, 0, 0 },
        { FrontEndRequest.SetVringKick, 8, 1, 0 },
        { FrontEndRequest.SetVringCall, 8, 1, 0 },
        { FrontEndRequest.SetVringErr, 8, 1, 0 },
        { FrontEndRequest.GetProtocolFeatures, 0, 0, 0 },
        { FrontEndRequest.SetProtocolFeatures, 8, 0, 0 },
        { FrontEndRequest.GetQueueNum, 0, 0, ProtocolFeatures.Mq },
        { FrontEndRequest.SetVringEnable, 8, 0, 0 },
        { FrontEndRequest.SendRarp, 8, 0, ProtocolFeatures.Rarp },
        { FrontEndRequest.NetSetMtu, 8, 0, ProtocolFeatures.NetMtu },
        { FrontEndRequest.SetBackendReqFd, 0, 1, ProtocolFeatures.BackendReq },
        { FrontEndRequest.Iotlb, 32, 0, ProtocolFeatures.BackendReq },
        { FrontEndRequest.PostcopyAdvise, 0, 0, ProtocolFeatures.Pagefault },
        { FrontEndRequest.PostcopyListen, 0, 0, ProtocolFeatures.Pagefault },
        { FrontEndRequest.PostcopyEnd, 0, 0, ProtocolFeatures.Pagefault },
        { FrontEndRequest.GetInflightFd, 24, 0, ProtocolFeatures.InflightShmfd },
        { FrontEndRequest.SetInflightFd, 24, 1, ProtocolFeatures.InflightShmfd },
        { FrontEndRequest.ResetDevice, 0, 0, ProtocolFeatures.ResetDevice },
        { FrontEndRequest.GetMaxMemSlots, 0, 0, ProtocolFeatures.ConfigureMemSlots },
        { FrontEndRequest.AddMemReg, 40, 1, ProtocolFeatures.ConfigureMemSlots },
        { FrontEndRequest.RemMemReg, 40, 0, ProtocolFeatures.ConfigureMemSlots },
        { FrontEndRequest.SetStatus, 8, 0, ProtocolFeatures.Status },
        { FrontEndRequest.GetStatus, 0, 0, ProtocolFeatures.Status },
    };

    [Fact]
    public void TheTableOfThisTestIsComplete() =>
        Assert.Equal(Enum.GetValues<FrontEndRequest>(), Messages.Select(m => m.Data.Item1).Order());

    [Theory]
    [MemberData(nameof(Messages))]
    public void RefusesEveryOtherLength(FrontEndRequest request, int length, int descriptors, ProtocolFeatures needs)
    {
        _ = needs;
        using var rig = new HandlerRig();
        for (int other = 0; other <= MessageReader.MaxPayload; other++)
        {
            if (other == length || (length == Table && other >= 8)) continue;
            rig.Refused(request, new byte[other], descriptors);
        }
    }

    [Theory]
    [MemberData(nameof(Messages))]
    public void Cve201914818RefusesEveryOtherNumberOfDescriptorsAndTakesNone(FrontEndRequest request, int length, int descriptors, ProtocolFeatures needs)
    {
        _ = needs;
        using var rig = new HandlerRig();
        byte[] payload = length == Table ? new byte[8] : new byte[length];
        for (int other = 0; other <= 9; other++)
        {
            if (other == descriptors || (request == FrontEndRequest.RemMemReg && other == 1)) continue;
            rig.Refused(request, payload, other);
        }
    }

    [Theory]
    [MemberData(nameof(Messages))]
    public void RefusesAMessageWithoutItsProtocolFeature(FrontEndRequest request, int length, int descriptors, ProtocolFeatures needs)
    {
        if (needs == 0) return;
        using var rig = new HandlerRig(DeviceOptions.BasicProtocolFeatures & ~needs);
        Assert.Contains("without the protocol feature", rig.Refused(request, new byte[length], descriptors), StringComparison.Ordinal);
    }

    [Fact]
    public void RefusesEveryOtherRequest()
    {
        using var rig = new HandlerRig();
        for (uint request = 0; request < 1000; request++)
        {
            if (!Enum.IsDefined((FrontEndRequest)request)) rig.Refused((FrontEndRequest)request, [], 0);
        }
        rig.Refused((FrontEndRequest)uint.MaxValue, [], 0);
    }

    [Theory]
    [InlineData(FrontEndRequest.SetVringKick)]
    [InlineData(FrontEndRequest.SetVringCall)]
    [InlineData(FrontEndRequest.SetVringErr)]
    public void ADescriptorIsThereUnlessTheMessageSaysSo(FrontEndRequest request)
    {
        using var rig = new HandlerRig();
        rig.Refused(request, Payload.Number(0x100), 1);
        rig.Refused(request, Payload.Number(0), 0);
        rig.Handle(request, Payload.Number(0x100), 0);
    }

    [Theory]
    [InlineData(0x200UL)]
    [InlineData(0x10000UL)]
    [InlineData(1UL << 32)]
    [InlineData(1UL << 63)]
    public void Cve202010723RefusesBitsBeyondARingsNumberInDescriptorMessages(ulong bits)
    {
        using var rig = new HandlerRig();
        rig.Refused(FrontEndRequest.SetVringKick, Payload.Number(bits), 1);
        rig.Refused(FrontEndRequest.SetVringCall, Payload.Number(bits | 0x100), 0);
    }

    [Theory]
    [InlineData(FrontEndRequest.GetFeatures, 8)]
    [InlineData(FrontEndRequest.GetProtocolFeatures, 8)]
    [InlineData(FrontEndRequest.GetQueueNum, 8)]
    [InlineData(FrontEndRequest.GetMaxMemSlots, 8)]
    [InlineData(FrontEndRequest.GetStatus, 8)]
    [InlineData(FrontEndRequest.SetOwner, 0)]
    public void AnswersWithAsManyBytesAsTheSpecificationSays(FrontEndRequest request, int length)
    {
        using var rig = new HandlerRig();
        Assert.Equal(length, rig.Handle(request, [], 0).Length);
    }

    [Fact]
    public void AnswersGetVringBaseWithRingAndNumber()
    {
        using var rig = new HandlerRig();
        rig.Handle(FrontEndRequest.SetVringBase, Payload.State(3, 777), 0);
        Assert.Equal(Payload.State(3, 777), rig.Handle(FrontEndRequest.GetVringBase, Payload.State(3, 0xdead), 0));
    }

    [Fact]
    public void OffersFiveHundredAndNineSlots()
    {
        using var rig = new HandlerRig();
        Assert.Equal(Payload.Number(509), rig.Handle(FrontEndRequest.GetMaxMemSlots, [], 0));
    }

    private sealed class HandlerRig : IDisposable
    {
        private readonly DeviceRig _rig = new();
        private readonly RequestHandler _handler;

        public HandlerRig(ProtocolFeatures features = (ProtocolFeatures)ulong.MaxValue)
        {
            _rig.Device.SetProtocolFeatures(features & DeviceOptions.BasicProtocolFeatures);
            _handler = new RequestHandler(_rig.Device, _ => throw new VhostException("no socket here"));
        }

        public byte[] Handle(FrontEndRequest request, byte[] payload, int descriptors)
        {
            var fds = Enumerable.Range(0, descriptors).Select(_ => EventFd.Create()).ToList();
            try
            {
                return _handler.Handle(request, payload, fds).ToArray();
            }
            finally
            {
                fds.ForEach(fd => fd.Dispose());
            }
        }

        public string Refused(FrontEndRequest request, byte[] payload, int descriptors)
        {
            var fds = Enumerable.Range(0, descriptors).Select(_ => EventFd.Create()).ToList();
            var exception = Record.Exception(() => _handler.Handle(request, payload, fds).ToArray());
            Assert.True(exception is VhostException, $"{request} with {payload.Length} bytes and {descriptors} descriptors: {exception?.GetType().Name ?? "accepted"}");
            // What was refused was not taken: the reader closes it.
            Assert.Equal(descriptors, fds.Count);
            fds.ForEach(fd => fd.Dispose());
            return exception!.Message;
        }

        public void Dispose() => _rig.Dispose();
    }
}
