using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Linux.Tests;

public sealed class EventLoopTests : IDisposable
{
    private readonly LoopThread _control = new();

    public void Dispose() => _control.Dispose();

    [Fact]
    public void CallsBackWhenADescriptorIsReadable()
    {
        using var fd = EventFd.Create();
        int called = 0;
        _control.Do(() => _control.Loop.Watch(fd.Number, () =>
        {
            EventFd.Drain(fd.Number);
            Interlocked.Increment(ref called);
        }));
        EventFd.Signal(fd.Number);
        Until.True(() => Volatile.Read(ref called) == 1, "the call");
        _control.Do(() => _control.Loop.Unwatch(fd.Number));
        EventFd.Signal(fd.Number);
        _control.Do(() => { });
        Assert.Equal(1, called);
    }

    [Fact]
    public void DoesNotCallForADescriptorThatAnotherCallbackStoppedWatching()
    {
        // Both are ready in the same turn; the first one called closes the other, whose number a third descriptor gets.
        using var first = EventFd.Create();
        var second = EventFd.Create();
        FileDescriptor? third = null;
        var calls = new List<string>();
        EventFd.Signal(first.Number);
        EventFd.Signal(second.Number);
        _control.Do(() =>
        {
            _control.Loop.Watch(first.Number, () => Take("first", second));
            _control.Loop.Watch(second.Number, () => Take("second", first));
        });
        Until.True(() => _control.Ask(() => calls.Count) > 0, "a call");
        _control.Do(() => { });
        Assert.Single(calls);
        third?.Dispose();
        second.Dispose();

        void Take(string name, FileDescriptor other)
        {
            calls.Add(name);
            _control.Loop.Unwatch(first.Number);
            _control.Loop.Unwatch(second.Number);
            if (other != second) return;
            int number = second.Number;
            second.Dispose();
            third = EventFd.Create();
            if (third.Number == number) _control.Loop.Watch(number, () => calls.Add("third"));
        }
    }

    [Fact]
    public void DoesPostedWorkInOrder()
    {
        var done = new List<int>();
        for (int i = 0; i < 100; i++)
        {
            int number = i;
            _control.Loop.Post(() => done.Add(number));
        }
        Assert.Equal(Enumerable.Range(0, 100), _control.Ask(() => done.ToArray()));
    }

    [Fact]
    public void GivesWhatACalculationThrowsToWhoAskedForIt()
    {
        Assert.Throws<InvalidOperationException>(() => _control.Ask<int>(() => throw new InvalidOperationException()));
        Assert.Equal(1, _control.Ask(() => 1));
    }

    [Fact]
    public void CallsBackAgainAndAgain()
    {
        int ticks = 0;
        _control.Do(() => _control.Loop.Every(TimeSpan.FromMilliseconds(1), () => Interlocked.Increment(ref ticks)));
        Until.True(() => Volatile.Read(ref ticks) >= 5, "five ticks");
    }

    [Fact]
    public void ATimerMayEndItselfAndBeginAnother()
    {
        int first = 0, second = 0;
        _control.Do(() =>
        {
            IDisposable? own = null;
            own = _control.Loop.Every(TimeSpan.FromMilliseconds(1), () =>
            {
                own!.Dispose();
                Interlocked.Increment(ref first);
                _control.Loop.Every(TimeSpan.FromMilliseconds(1), () => Interlocked.Increment(ref second));
            });
        });
        Until.True(() => Volatile.Read(ref second) >= 3, "three calls of the second timer");
        Assert.Equal(1, first);
    }
}
