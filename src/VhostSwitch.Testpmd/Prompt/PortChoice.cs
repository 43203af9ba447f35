using VhostSwitch.Testpmd.CommandLine;
using VhostSwitch.Testpmd.Ports;

namespace VhostSwitch.Testpmd.Prompt;

/// <summary>Finds the ports that a command names.</summary>
internal static class PortChoice
{
    private const int MostPorts = 1024;

    /// <summary>All ports, or one.</summary>
    /// <param name="session">Has them.</param>
    /// <param name="word"><c>all</c> or a number.</param>
    /// <exception cref="TestpmdException">There is no such port.</exception>
    public static IReadOnlyList<TestPort> Of(Session session, string word) => word == "all" ? [.. session.Ports.Values] : [One(session, word)];

    /// <summary>One port.</summary>
    /// <param name="session">Has it.</param>
    /// <param name="word">Its number.</param>
    /// <exception cref="TestpmdException">There is no such port.</exception>
    public static TestPort One(Session session, string word)
    {
        if (session.Ports.TryGetValue(Numbers.Read(word, "port", 0, MostPorts), out var port)) return port;
        string there = session.Ports.Count == 0 ? "none" : string.Join(", ", session.Ports.Keys);
        throw new TestpmdException($"Invalid port {word}: there are {there}");
    }
}
