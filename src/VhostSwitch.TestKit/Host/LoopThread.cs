using VhostSwitch.Linux;

namespace VhostSwitch.TestKit.Host;

/// <summary>An event loop with the thread that runs it: the control thread of a switch under test. What the loop throws is kept.</summary>
public sealed class LoopThread : IDisposable
{
    private readonly Thread _thread;

    /// <summary>Makes the loop and starts its thread.</summary>
    public LoopThread()
    {
        _thread = new Thread(Run) { Name = "control", IsBackground = true };
        _thread.Start();
    }

    /// <summary>The loop.</summary>
    public EventLoop Loop { get; } = new();

    /// <summary>What ended the loop; null while it runs. In a program this exception would have ended the process.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Computes something on the loop's thread.</summary>
    /// <typeparam name="T">What is computed.</typeparam>
    /// <param name="work">The computation.</param>
    /// <exception cref="InvalidOperationException">The loop has ended.</exception>
    public T Ask<T>(Func<T> work)
    {
        var result = Loop.Invoke(work);
        Until.True(() => result.IsCompleted || Failure is not null, "an answer of the control thread");
        return result.IsCompleted ? result.GetAwaiter().GetResult() : throw new InvalidOperationException("the control thread has ended", Failure);
    }

    /// <summary>Does something on the loop's thread.</summary>
    /// <param name="work">What to do.</param>
    public void Do(Action work) => Ask(() =>
    {
        work();
        return true;
    });

    /// <inheritdoc/>
    public void Dispose()
    {
        Loop.Stop();
        if (_thread.Join(Until.Limit)) Loop.Dispose();
    }

    private void Run()
    {
        try
        {
            Loop.Run();
        }
        catch (Exception e)
        {
            Failure = e;
        }
    }
}
