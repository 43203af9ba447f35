using VhostSwitch.Ports.Tests;
using Xunit.Runner.InProc.SystemConsole;

// A process of its own for what may end the process: the tests start this program again with the scenario's name.
return args is ["--scenario", var scenario] ? TruncationScenario.Run(scenario) : await ConsoleRunner.Run(args);
