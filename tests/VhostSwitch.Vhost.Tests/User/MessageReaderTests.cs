using VhostSwitch.Linux;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost.User;

namespace VhostSwitch.Vhost.Tests.User;

public sealed class MessageReaderTests : IDisposable
{
    private readonly UnixSocket _frontEnd;
    private readonly UnixSocket _backEnd;
    private readonly MessageReader _reader;
    private readonly FileDescriptor _eventFd = EventFd.Create();

    public MessageReaderTests()
    {
        (_frontEnd, _backEnd) = UnixSocket.Pair();
        _reader = new MessageReader(_backEnd);
    }

    public void Dispose()
    {
        _reader.Dispose();
        _frontEnd.Dispose();
        _backEnd.Dispose();
        _eventFd.Dispose();
    }

    [Fact]
    public void PutsAMessageTogetherFromSingleBytes()
    {
        byte[] message = Payload.Message(8, 1, 8, Payload.State(1, 256));
        for (int i = 0; i < message.Length; i++)
        {
            Assert.Equal(SocketOutcome.WouldBlock, _reader.TryRead());
            _frontEnd.Send(message.AsSpan(i, 1), i == 0 ? [_eventFd.Number] : []);
        }
        Assert.Equal(SocketOutcome.Done, _reader.TryRead());
        Assert.Equal(Payload.State(1, 256), _reader.Payload.ToArray());
        Assert.Single(_reader.Descriptors);
    }

    [Fact]
    public void KeepsTheDescriptorsOfTwoMessagesApart()
    {
        _frontEnd.Send(Payload.Message(12, 1, 8, Payload.Number(0)), [_eventFd.Number]);
        _frontEnd.Send(Payload.Message(13, 1, 8, Payload.Number(0)), [_eventFd.Number, _eventFd.Number]);
        Assert.Equal(SocketOutcome.Done, _reader.TryRead());
        Assert.Equal((12u, 1), (_reader.Header.Request, _reader.Descriptors.Count));
        Assert.Equal(SocketOutcome.Done, _reader.TryRead());
        Assert.Equal((13u, 2), (_reader.Header.Request, _reader.Descriptors.Count));
    }

    [Fact]
    public void ClosesWhatNobodyTookWithTheNextMessage()
    {
        int before = ProcessResources.OpenDescriptorsAtStart();
        for (int i = 0; i < 100; i++)
        {
            _frontEnd.Send(Payload.Message(1, 1, 0, []), [.. Enumerable.Repeat(_eventFd.Number, 8)]);
            Assert.Equal(SocketOutcome.Done, _reader.TryRead());
        }
        Assert.Equal(before + 8, ProcessResources.OpenDescriptors());
        _reader.Dispose();
        Assert.Equal(before, ProcessResources.OpenDescriptors());
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(2u)]
    [InlineData(3u)]
    [InlineData(5u)]
    [InlineData(0x11u)]
    [InlineData(0x80000001u)]
    public void RefusesFlagsThatNoRequestHas(uint flags)
    {
        _frontEnd.Send(Payload.Message(1, flags, 0, []), []);
        Assert.Throws<VhostException>(() => _reader.TryRead());
    }

    [Theory]
    [InlineData(265u)]
    [InlineData(0x7fffffffu)]
    [InlineData(uint.MaxValue)]
    public void RefusesALengthThatNoMessageHasBeforeReadingIt(uint length)
    {
        _frontEnd.Send(Payload.Message(1, 1, length, []), []);
        Assert.Throws<VhostException>(() => _reader.TryRead());
    }

    [Fact]
    public void TellsThatDescriptorsWereCutOff()
    {
        int before = ProcessResources.OpenDescriptorsAtStart();
        _frontEnd.Send(Payload.Message(1, 1, 0, []), [.. Enumerable.Repeat(_eventFd.Number, UnixSocket.MaxDescriptors + 1)]);
        Assert.Equal(SocketOutcome.Truncated, _reader.TryRead());
        _reader.Dispose();
        Assert.Equal(before, ProcessResources.OpenDescriptors());
    }

    [Fact]
    public void DoesNotCollectDescriptorsWithoutEnd()
    {
        // Descriptors come with a message's first bytes. Here more come with every further byte.
        int before = ProcessResources.OpenDescriptorsAtStart();
        byte[] message = Payload.Message(5, 1, 264, new byte[264]);
        var exception = Record.Exception(() =>
        {
            for (int i = 0; i < 100; i++)
            {
                _frontEnd.Send(message.AsSpan(i, 1), [.. Enumerable.Repeat(_eventFd.Number, UnixSocket.MaxDescriptors)]);
                if (_reader.TryRead() is not SocketOutcome.WouldBlock) break;
            }
        });
        int held = ProcessResources.OpenDescriptors() - before;
        Assert.True(held <= 2 * UnixSocket.MaxDescriptors, $"{held} descriptors are held for one unfinished message");
        Assert.IsType<VhostException>(exception);
    }

    [Fact]
    public void TellsThatTheOtherSideIsGone()
    {
        _frontEnd.Send([1, 0, 0], []);
        _frontEnd.Dispose();
        Assert.Equal(SocketOutcome.Closed, _reader.TryRead());
    }
}
