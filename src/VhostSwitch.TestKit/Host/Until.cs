using System.Diagnostics;

namespace VhostSwitch.TestKit.Host;

/// <summary>Waits for a condition, with a limit that says what was awaited.</summary>
public static class Until
{
    /// <summary>Long for any machine: reached only where something is wrong.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    // Looks without giving up the processor before the thread sleeps between looks: what is waited for is mostly there at once.
    private const int EagerLooks = 50;

    /// <summary>Waits until a condition holds.</summary>
    /// <param name="condition">Looked at again and again.</param>
    /// <param name="what">What is awaited, for the message.</param>
    /// <param name="limit">How long to wait; <see cref="Limit"/> by default.</param>
    /// <exception cref="TimeoutException">It did not hold in time.</exception>
    public static void True(Func<bool> condition, string what, TimeSpan? limit = null)
    {
        if (!TryTrue(condition, limit)) throw new TimeoutException($"not within {(limit ?? Limit).TotalSeconds} s: {what}");
    }

    /// <summary>Waits until a condition holds.</summary>
    /// <param name="condition">Looked at again and again.</param>
    /// <param name="limit">How long to wait; <see cref="Limit"/> by default.</param>
    /// <returns>False when it did not hold in time.</returns>
    public static bool TryTrue(Func<bool> condition, TimeSpan? limit = null)
    {
        long start = Stopwatch.GetTimestamp();
        for (int look = 0; !condition(); look++)
        {
            if (Stopwatch.GetElapsedTime(start) > (limit ?? Limit)) return false;
            if (look < EagerLooks) Thread.Yield();
            else Thread.Sleep(1);
        }
        return true;
    }
}
